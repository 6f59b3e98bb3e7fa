import { createServer } from 'node:http';
import { expect, test } from '@jest/globals';
import type { Page, Route } from 'playwright-core';
import { freePort } from '../../src/db/embedded/free-port.ts';
import { createStripe } from '../../src/stripe/client.ts';
import { bringAxe, cutOffOn, openBrowser, openPage, type RuleSet, violationsOf } from '../support/browser.ts';
import { createTestDatabase } from '../support/database.ts';
import { listen } from '../support/listen.ts';
import { spawnService, untilItWrites } from '../support/process.ts';
import { openSandbox } from '../support/sandbox.ts';

const { db, service } = await openSandbox();
const browser = await openBrowser();
const { url: DATABASE_URL } = await createTestDatabase();
const shop = `http://127.0.0.1:${await listen(createServer((_req, res) => res.end('Thank you')))}`;

async function openCheckout(page: Page): Promise<Page> {
  await page.goto(`${service.url}/sandbox`);
  await page.getByRole('button', { name: 'Check out' }).click();
  // Loaded, with its script: what is changed before that nobody hears of.
  await page.waitForURL('**/sandbox/checkout/*');
  return page;
}

/** Buys a mug, with these switches on. */
async function buy(by: 'card' | 'bank debit', ...trouble: string[]): Promise<Page> {
  const page = await openCheckout(await openPage(browser));
  for (const name of trouble) await page.getByLabel(name).check();
  await page.getByRole('button', { name: `by ${by}` }).click();
  await page.waitForURL('**/sandbox/orders/*');
  return page;
}

const sessionIdOf = (page: Page) => page.url().split('/').at(-1) as string;
const orderOf = (page: Page) =>
  db('orders')
    .where({ checkout_session_id: sessionIdOf(page) })
    .first();
const story = (page: Page) => page.locator('[data-part="story"]');
const head = (page: Page) => page.locator('[data-part="head"]');

/** All that the service did, told in the page, which nobody reloads. */
async function untilFulfilled(page: Page): Promise<string> {
  await head(page).getByText('fulfilled', { exact: true }).waitFor();
  await page.locator('iframe').waitFor();
  return story(page).innerText();
}

/** Once paid and given once, whatever happened on the way. */
async function expectGivenOnce(page: Page) {
  const { id, status } = await orderOf(page);
  expect(status).toBe('paid');
  expect(await db('fulfillments').where({ order_id: id })).toMatchObject([{ status: 'fulfilled' }]);
  expect(await db('notifications').where({ order_id: id })).toMatchObject([{ status: 'sent' }]);
}

test('by card, with another quantity, a code and a courier: the order, its mail and the request are shown', async () => {
  await using page = await openCheckout(await openPage(browser));
  await page.getByLabel('Quantity of Blue mug').fill('3');
  await page.getByLabel('Promotion code').fill('save10');
  await page.getByLabel('Courier').check();
  // Three mugs of 14.50, less 10 %, and 9.90 for the courier.
  await page.getByRole('button', { name: 'Pay €49.05 by card' }).click();
  const told = await untilFulfilled(page);
  expect(told).toMatch(/completed was delivered. The service answered 200/);
  expect(told).toMatch(/The success page asks .* answered 200, paid/);
  const mail = page.frameLocator('iframe');
  await mail.getByText('Thank you for your order').waitFor();
  await mail.getByText('3 × Blue mug').waitFor();
  await mail.getByText('€49.05').waitFor();
  const request = await page.getByLabel('The last request').innerText();
  expect(request).toContain(`webhook-id: ${sessionIdOf(page)}`);
  expect(JSON.parse(request.slice(request.indexOf('{')))).toMatchObject({
    type: 'order.paid',
    data: { order: { amount_total: 4_905, total_details: { amount_discount: 435, amount_shipping: 990 } } },
  });
  await expectGivenOnce(page);
  await page.getByRole('link', { name: 'The same as operators see it' }).click();
  await page.getByRole('heading', { name: /^Order \d/ }).waitFor();
});

test('a session that another shop made leads to the checkout page, and from there to that shop', async () => {
  await using sandbox = await spawnService({ PORT: String(await freePort()), DATABASE_URL });
  const [, standIn = ''] = await untilItWrites(sandbox, /played at (http:[^,]+),/);
  const { sessions } = createStripe('sk_test_123', standIn).checkout;
  const { id, url } = await sessions.create({
    mode: 'payment',
    line_items: [
      { quantity: 1, price_data: { currency: 'eur', unit_amount: 1_999, product_data: { name: 'Shirt' } } },
    ],
    customer_email: 'ann@example.com',
    success_url: `${shop}/thanks?session={CHECKOUT_SESSION_ID}`,
    cancel_url: `${shop}/cart`,
  });
  expect(url).toBe(`${sandbox.url}/sandbox/checkout/${id}`);
  expect([await sessions.retrieve(id), (await sessions.list()).data[0]]).toMatchObject([{ url }, { url }]);

  await using page = await openPage(browser);
  await page.goto(url as string);
  expect(await page.getByLabel('Promotion code').count()).toBe(0);
  await page.getByRole('link', { name: 'Back to the shop' }).click();
  await page.waitForURL(`${shop}/cart`);
  await page.goBack();
  expect(await page.getByLabel('E-mail').inputValue()).toBe('ann@example.com');
  await page.getByRole('button', { name: 'Pay €19.99 by card' }).click();
  await page.waitForURL(`${shop}/thanks?session=${id}`);
  expect(await sessions.retrieve(id)).toMatchObject({
    status: 'complete',
    payment_status: 'paid',
    url: null,
  });
});

/** Lets the checkout page's next reckoning wait for its answer. */
async function holdReckoning(page: Page) {
  const [begun, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const hold = async (route: Route) => {
    const response = await route.fetch();
    begun.resolve();
    await released.promise;
    await route.fulfill({ response });
  };
  await page.route('**/sandbox/checkout/*', hold, { times: 1 });
  return { begun: begun.promise, release: released.resolve };
}

test('what is typed while the total is reckoned stays as it is', async () => {
  await using page = await openCheckout(await openPage(browser));
  const { begun, release } = await holdReckoning(page);
  await page.getByLabel('Quantity of Blue mug').fill('3');
  await page.getByLabel('Promotion code').pressSequentially('save');
  await begun;
  release();
  await page.getByRole('button', { name: 'Pay €43.50 by card' }).waitFor();
  await page.keyboard.type('10');
  await page.keyboard.press('Tab');
  await page.getByRole('button', { name: 'Pay €39.15 by card' }).waitFor();
});

test('the total is asked for once at a time, and once more for all that was changed meanwhile', async () => {
  await using page = await openCheckout(await openPage(browser));
  let asked = 0;
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.resourceType() === 'fetch') asked += 1;
  });
  const { begun, release } = await holdReckoning(page);
  await page.getByLabel('Quantity of Blue mug').fill('3');
  await page.getByLabel('Promotion code').fill('save10');
  await begun;
  await page.getByLabel('Courier').check();
  await page.evaluate(async () => (await fetch('/sandbox')).text());
  expect(asked).toBe(1);
  release();
  await page.getByRole('button', { name: 'Pay €49.05 by card' }).waitFor();
  expect(asked).toBe(2);
});

test('by bank debit: paid when the bank pays', async () => {
  await using page = await buy('bank debit');
  await page.getByText('We wait for your bank').waitFor();
  await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
  expect(await page.getByText('No request yet').count()).toBe(1);
  await page.getByRole('button', { name: 'The bank pays' }).click();
  await untilFulfilled(page);
  expect(await page.getByRole('button', { name: 'The bank pays' }).count()).toBe(0);
  await expectGivenOnce(page);
});

test('by bank debit: failed when the bank declines, and the customer is told', async () => {
  await using page = await buy('bank debit');
  await page.getByRole('button', { name: 'The bank declines' }).click();
  await page.getByRole('heading', { name: 'the payment did not go through' }).waitFor();
  await page.frameLocator('iframe').getByText('Your payment did not go through').waitFor();
  const { id } = await orderOf(page);
  expect(await db('fulfillments').where({ order_id: id })).toEqual([]);
});

test('for nothing', async () => {
  await using page = await openCheckout(await openPage(browser));
  await page.getByLabel('Promotion code').fill('FREE');
  await page.getByLabel('Promotion code').blur();
  await page.getByRole('button', { name: 'Complete the order' }).click();
  await untilFulfilled(page);
  expect(await orderOf(page)).toMatchObject({ payment_status: 'no_payment_required', amount_total: 0 });
  await expectGivenOnce(page);
});

test('without scripts the same, and a total that has changed is shown before it is paid', async () => {
  await using page = await openCheckout(await openPage(browser, { javaScriptEnabled: false }));
  await page.getByLabel('Promotion code').fill('NONSENSE');
  await page.getByRole('button', { name: 'Update' }).click();
  await page.getByText('NONSENSE is no code').waitFor();
  await page.getByLabel('Quantity of Blue mug').fill('2');
  await page.getByLabel('Promotion code').fill('');
  await page.getByLabel('Deliver every event twice').check();
  await page.getByRole('button', { name: 'Pay €14.50 by card' }).click();
  await page.getByText('The total has changed').waitFor();
  expect(await page.getByLabel('Deliver every event twice').isChecked()).toBe(true);
  await page.getByRole('button', { name: 'Pay €29.00 by card' }).click();
  await page.waitForURL('**/sandbox/orders/*');
  expect(await orderOf(page)).toMatchObject({ status: 'paid', amount_total: 2_900 });
});

const gone = 'The customer closes the window';

// Side by side, with the pages below; what waits for longest first.

test.concurrent('trouble 10 s late: the success page has the order at once', async () => {
  await using page = await buy('card', 'Deliver 10 s late');
  await untilFulfilled(page);
  await story(page).getByText('completed was delivered').waitFor();
  const told = await story(page).innerText();
  expect(told).toMatch(/The fulfilment was done[\s\S]*completed was delivered/);
  expect(told).toMatch(/there was nothing to do any more/);
  await expectGivenOnce(page);
});

test.concurrent('trouble every event twice: one order, one fulfilment', async () => {
  await using page = await buy('card', 'Deliver every event twice');
  const told = await untilFulfilled(page);
  expect(told.match(/completed was delivered. The service answered 200/g)).toHaveLength(2);
  expect(told.match(/it was applied/g)).toHaveLength(1);
  await expectGivenOnce(page);
});

test.concurrent('trouble in the wrong order: the checkout comes after the payment', async () => {
  await using page = await buy('bank debit', 'in the wrong order');
  await story(page).getByText('is held until the bank has spoken').waitFor();
  await page.getByRole('button', { name: 'The bank pays' }).click();
  await story(page).getByText('checkout.session.completed was delivered').waitFor();
  const told = await untilFulfilled(page);
  expect(told.indexOf('succeeded was delivered')).toBeLessThan(told.indexOf('completed was delivered'));
  expect(told).toMatch(/there was nothing to do any more/);
  await expectGivenOnce(page);
});

test.concurrent('trouble lost, and nobody asks: Stripe delivers again', async () => {
  await using page = await buy('card', 'Lose the first delivery', gone);
  expect(await untilFulfilled(page)).toMatch(
    /was lost on its way[\s\S]*completed was delivered[\s\S]*The order began as paid/,
  );
  await expectGivenOnce(page);
});

test.concurrent('trouble a wrong signature changes nothing', async () => {
  await using page = await buy('card', 'with a wrong secret', gone);
  expect(await untilFulfilled(page)).toMatch(/answered 400[\s\S]*answered 200[\s\S]*The order began as paid/);
  await expectGivenOnce(page);
});

const looks = {
  light: { viewport: { width: 1200, height: 800 }, colorScheme: 'light' },
  dark: { viewport: { width: 1200, height: 800 }, colorScheme: 'dark' },
  phone: { viewport: { width: 320, height: 568 }, colorScheme: 'light', isMobile: true, hasTouch: true },
} as const;

test.concurrent.each<[look: keyof typeof looks, rules: RuleSet]>([
  ['light', 'all'],
  ['dark', 'contrast'],
  ['phone', 'all but contrast'],
])('every page, %s: fits its screen, and axe-core finds nothing (%s)', async (look, rules) => {
  await using page = await openPage(browser, looks[look]);
  await bringAxe(page);
  const check = async (name: string) => {
    expect([name, await violationsOf(page, rules)]).toEqual([name, []]);
    expect([name, await cutOffOn(page)]).toEqual([name, []]);
  };
  await page.goto(`${service.url}/sandbox`);
  await check('shop');
  await openCheckout(page);
  await page.getByLabel('Name').fill('Wolfeschlegelsteinhausen'.repeat(4));
  await page.getByLabel('The receiver is down').check();
  await check('checkout');
  await page.getByRole('button', { name: 'by bank debit' }).click();
  await page.getByRole('button', { name: 'The bank pays' }).waitFor();
  await page.getByRole('button', { name: 'The bank pays' }).click();
  await story(page).getByText('failed: the receiver answered 503').first().waitFor();
  await check('trouble');
  const repair = page.getByRole('button', { name: 'Repair the receiver' });
  await repair.click();
  await repair.waitFor({ state: 'detached' });
  // The next attempt may be far away by now.
  const { id } = await orderOf(page);
  await db('fulfillments')
    .where({ order_id: id, status: 'pending' })
    .update({ next_attempt_at: db.fn.now() });
  await untilFulfilled(page);
  await check('fulfilled');
});
