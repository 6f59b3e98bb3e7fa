import { expect, test } from '@jest/globals';
import type { Locator } from 'playwright-core';
import { openBrowser, openPage } from '../support/browser.ts';
import { openFilm, picture } from '../support/pictures.ts';
import { openSandbox } from '../support/sandbox.ts';

const { db, service } = await openSandbox();
const browser = await openBrowser();
const screen = { width: 960, height: 800 };

/** In a file of its own, since nothing else may be drawn while a film is made: the README's picture that moves. */
test('buying a mug while the receiver is down: it gets the order once it is repaired', async () => {
  // The fourth attempt would come by itself within nine seconds, and is not to come before it is asked for.
  await db.raw(`
    create function put_off() returns trigger language plpgsql as $$
    begin new.next_attempt_at = now() + interval '2 minutes'; return new; end $$;
    create trigger put_off before update on fulfillments for each row
      when (new.attempts = 3 and new.attempts_lost < old.attempts_lost) execute function put_off();
  `);
  await using page = await openPage(browser, { viewport: screen, colorScheme: 'light' });
  const film = openFilm(page);
  const click = async (at: Locator) => {
    await film.point(at);
    await film.show(0.9);
    await at.click();
  };
  await page.goto(`${service.url}/sandbox`);
  await film.show(1.6);
  await click(page.getByRole('button', { name: 'Check out' }));
  await click(page.getByLabel('The receiver is down'));
  await click(page.getByRole('button', { name: 'by card' }));
  for (const attempt of [1, 2, 3]) {
    await page.getByText(`Attempt ${attempt} at the fulfilment failed`).waitFor();
    await film.show(1.4);
  }
  await page.frameLocator('iframe').getByText('Thank you for your order').waitFor();
  // As high as the page: a frame below the screen is not drawn.
  await page.setViewportSize({ ...screen, height: 1_540 });
  await picture(page, 'sandbox', { fullPage: true });
  await page.setViewportSize(screen);
  await click(page.getByRole('button', { name: 'Repair the receiver' }));
  await page.getByText('The receiver is well.').waitFor();
  await click(page.getByRole('button', { name: 'Try again now' }));
  await page.getByText('The fulfilment was done, at attempt 4.').waitFor();
  await film.show(3);
  await page.evaluate('scrollTo(0, document.body.scrollHeight)');
  await film.show(4);
  await film.save('sandbox');

  expect(await page.locator('[data-part="request"]').innerText()).toMatch(/(answered 503\s+){3}answered 200/);
  expect(await db('orders')).toMatchObject([{ status: 'paid' }]);
  expect(await db('fulfillments')).toMatchObject([{ status: 'fulfilled', attempts: 4 }]);
  expect(await db('notifications')).toMatchObject([{ status: 'sent' }]);
});
