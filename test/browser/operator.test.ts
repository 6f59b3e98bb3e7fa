import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { openBrowser, openPage } from '../support/browser.ts';
import { serve } from '../support/http.ts';
import { hold } from '../support/process.ts';
import { openShop } from '../support/shop.ts';
import { events } from '../support/stripe-events.ts';

const TOKEN = 'a-token-of-the-shop';
const open = () =>
  openShop({
    OPS_TOKEN: TOKEN,
    FULFILLMENT_MAX_ATTEMPTS: '1',
    // While it waits for the receiver, a browser finds its way to the order.
    FULFILLMENT_TIMEOUT_MS: '25000',
  });
type Shop = Awaited<ReturnType<typeof open>>;

const shop = await open();
const { url } = shop.service;
const browser = await openBrowser();

/** Another site, as far as cookies go (localhost is not 127.0.0.1), with a page of our choosing. */
let pageElsewhere = '';
const served = await serve((_req, res) => res.setHeader('content-type', 'text/html').end(pageElsewhere));
const elsewhere = served.replace('127.0.0.1', 'localhost');

async function logIn(page: Page, path = '/ops', at = url): Promise<Page> {
  await page.goto(at + path);
  await page.getByLabel('Your name').fill('Jenny');
  await page.getByLabel('Token').fill(TOKEN);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL(`**${path}`);
  return page;
}

/** The receiver answers when it is told to. */
function holdReceiver(status: number): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  shop.receiver.answer = async (res) => {
    await promise;
    res.writeHead(status).end();
  };
  return resolve;
}

const orderOf = async (sessionId: string) => (await shop.rowsOf(sessionId)).order;

test('an operator logs in, finds an order by its customer, and sees it become fulfilled', async () => {
  const answer = holdReceiver(204);
  const session = shop.checkout({ customer_details: { email: 'nora@example.com', name: 'Nora Kim' } });
  await shop.service.deliver(events.completedPaid(session));
  const order = await orderOf(session.id);

  await using page = await logIn(await openPage(browser), '/ops/orders');
  await page.getByLabel('Find an order').fill('nora@example.com');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: String(order.id), exact: true }).click();
  await page.getByRole('heading', { name: `Order ${order.id}` }).waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  const head = page.locator('[data-part="head"]');
  expect(await head.innerText()).not.toContain('fulfilled');

  answer();
  await head.getByText('fulfilled').waitFor();
  await page.getByText('The fulfilment was done, at attempt 1.').waitFor();
  expect(await page.title()).toBe(`Order ${order.id} · checkout-fulfillment`);
});

describe('a page says whether it follows', () => {
  // Side by side: what happens in another shop, no page hears of.

  /** Shows an order that is not paid yet. */
  async function openOrder(page: Page, { service, checkout, rowsOf }: Shop) {
    const session = checkout();
    await service.deliver(events.completedUnpaid(session));
    const { id } = (await rowsOf(session.id)).order;
    await logIn(page, `/ops/orders/${id}`, service.url);
    await page.getByText('Live', { exact: true }).waitFor();
    return session;
  }

  /** How often it asks for itself anew, from now on. */
  function loadsOf(page: Page): readonly string[] {
    const loads: string[] = [];
    page.on('request', (request) => request.resourceType() === 'fetch' && loads.push(request.url()));
    return loads;
  }

  test.concurrent('not once its session has ended', async () => {
    const shop = await open();
    await using page = await openPage(browser);
    const session = await openOrder(page, shop);
    await page.context().clearCookies();
    await shop.service.deliver(events.asyncFailed(session));
    await page.getByRole('status').filter({ hasText: 'Not live: log in again' }).waitFor();
    expect(await page.getByRole('heading', { name: 'Time line' }).count()).toBe(1);
  });

  test.concurrent('not while it is not answered, and it follows again once it is', async () => {
    const shop = await open();
    await using page = await openPage(browser);
    const session = await openOrder(page, shop);
    await page.route('**/ops/orders/*', (route) => route.fulfill({ status: 503 }));
    await shop.service.deliver(events.asyncFailed(session));
    await page.getByText('Not live: the page could not be loaded').waitFor();
    await page.unroute('**/ops/orders/*');
    await page.getByText('The order moved from awaiting payment to failed.').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
  });

  test.concurrent('not while the database does not answer, and it follows again once it does', async () => {
    const shop = await open();
    await using page = await openPage(browser);
    await openOrder(page, shop);
    await using locked = await hold(shop.db, (trx) => trx.raw('lock table order_transitions'));
    await page.getByText('Not live').waitFor();
    await locked.release();
    await page.getByText('Live', { exact: true }).waitFor();
  });

  test.concurrent('how long something has waited is told anew each minute, though nothing has happened', async () => {
    const shop = await open();
    await using page = await openPage(browser);
    await openOrder(page, shop);
    await page.clock.install();
    await page.reload();
    await page.getByText('Live', { exact: true }).waitFor();
    await shop.db('stripe_events').update({ received_at: shop.db.raw(`received_at - interval '9 minutes'`) });
    await page.evaluate('getSelection().selectAllChildren(document.querySelector(".timeline"))');
    const loads = loadsOf(page);
    await page.clock.fastForward(60_000);
    const marked = await page.evaluate('String(getSelection())');
    expect(marked).toContain('The order began as awaiting payment.');
    expect(loads).toEqual([]);
    await page.evaluate('getSelection().empty()');
    await page.clock.fastForward(60_000);
    await page.getByText('9 min ago').first().waitFor();
  });

  test.concurrent('not while its stream is refused, and it follows once it is not', async () => {
    const shop = await open();
    await using page = await openPage(browser);
    await page.route('**/ops/live?*', (route) => route.fulfill({ status: 503 }));
    await logIn(page, '/ops', shop.service.url);
    await page.getByText('Not live: the connection was lost').waitFor();
    await page.unroute('**/ops/live?*');
    await page.getByText('Live', { exact: true }).waitFor();
  });

  test.concurrent('it is loaded anew once its stream is refused, and not each time that it asks for one again', async () => {
    const shop = await open();
    await using page = await openPage(browser);
    await page.clock.install();
    await page.route('**/ops/live?*', (route) => route.fulfill({ status: 503 }));
    const loads = loadsOf(page);
    const refused = () => page.waitForResponse('**/ops/live?*');
    const first = refused();
    await logIn(page, '/ops', shop.service.url);
    await first;
    for (const _ of [1, 2, 3]) {
      const again = refused();
      await page.clock.runFor(3_000);
      await again;
    }
    expect(loads).toHaveLength(1);
  });
});

test('a dead order is tried again, and who did it is kept', async () => {
  shop.receiver.answer = (res) => res.writeHead(500).end();
  const session = shop.checkout();
  await shop.service.deliver(events.completedPaid(session));
  await shop.atRest(session.id);
  const order = await orderOf(session.id);
  shop.receiver.answer = (res) => res.writeHead(204).end();

  await using page = await logIn(await openPage(browser));
  await page.getByRole('link', { name: 'All that are stuck' }).click();
  await page.getByRole('link', { name: String(order.id), exact: true }).click();
  await page.getByText('Dead after 1 attempt:').waitFor();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('Another attempt was asked for').waitFor();
  await page.locator('[data-part="head"]').getByText('fulfilled').waitFor();
  await page.getByRole('button', { name: 'Try again' }).waitFor({ state: 'detached' });
  expect(await shop.db('ops_actions').where({ subject: String(order.id) })).toMatchObject([
    { actor: 'ops:Jenny', action: 'retry', details: { fulfillments: 1 } },
  ]);
});

test('all that is dead is tried again, and an order that was refunded is closed', async () => {
  shop.receiver.answer = (res) => res.writeHead(500).end();
  const sessions = [shop.checkout(), shop.checkout()];
  for (const session of sessions) {
    await shop.service.deliver(events.completedPaid(session));
    await shop.atRest(session.id);
  }
  await using page = await logIn(await openPage(browser));
  await page.getByRole('button', { name: 'Try all that is dead again' }).click();
  await page.getByText('Another attempt was asked for at all that was dead').waitFor();
  for (const { id } of sessions) {
    const { fulfillments } = await shop.atRest(id);
    expect(fulfillments).toMatchObject([{ status: 'dead', attempts: 1 }]);
    const order = await orderOf(id);
    expect(await shop.db('ops_actions').where({ subject: String(order.id) })).toMatchObject([
      { actor: 'ops:Jenny', action: 'retry', details: { fulfillments: 1 } },
    ]);
    await page.goto(`${url}/ops/orders/${order.id}`);
    await page.getByText('Close without another attempt').click();
    await page.getByLabel('Why').fill('refunded in Stripe');
    await page.getByRole('button', { name: `Close order ${order.id}` }).click();
    await page.getByText('What the order was owed is closed').waitFor();
    await page.getByText('ops:Jenny closed the order: refunded in Stripe').waitFor();
    await page.getByText('Close without another attempt').waitFor({ state: 'detached' });
    expect((await shop.rowsOf(id)).fulfillments).toMatchObject([{ status: 'fulfilled' }]);
  }
  shop.receiver.answer = (res) => res.writeHead(204).end();
});

test('an event is replayed from the time line of its order', async () => {
  const session = shop.checkout();
  const event = events.completedPaid(session);
  await shop.service.deliver(event);
  const order = await orderOf(session.id);
  await using page = await logIn(await openPage(browser), `/ops/orders/${order.id}`);
  await page.getByRole('button', { name: `Replay ${event.id}` }).click();
  await page.getByText('Nothing changed: the order is where the event would put it').waitFor();
  expect(await shop.db('ops_actions').where({ subject: event.id })).toMatchObject([
    { actor: 'ops:Jenny', action: 'replay', details: { outcome: 'stale', order_id: order.id } },
  ]);
});

test('what a list shows is exported, and nothing else', async () => {
  const session = shop.checkout({ client_reference_id: '=cart"1"', currency: 'jpy', amount_total: 500 });
  await shop.service.deliver(events.completedUnpaid(session));
  await using page = await logIn(await openPage(browser), '/ops/orders');
  await page.getByText('Filter', { exact: true }).click();
  await page.getByLabel('Payment').selectOption('awaiting_payment');
  await page.getByLabel('Amount').fill('500 jpy');
  await page.getByRole('button', { name: 'Apply' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Export as CSV' }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/^orders-\d{4}-\d\d-\d\d\.csv$/);
  const text = await readFile(await download.path(), 'utf8');
  const [head = '', row = '', ...rest] = text.split('\r\n');
  expect(head).toMatch(/^\uFEFFid,created_at,status,fulfillment_status,amount,currency,/);
  expect(row).toContain(`,awaiting_payment,,500,jpy,jenny@example.com,Jenny Rosen,"'=cart""1""",`);
  expect(rest).toEqual(['']);

  await page.context().clearCookies();
  await page.getByRole('link', { name: 'Export as CSV' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
});

test('by the keyboard alone: in, to an order, tried again, and out', async () => {
  shop.receiver.answer = (res) => res.writeHead(500).end();
  const session = shop.checkout();
  await shop.service.deliver(events.completedPaid(session));
  await shop.atRest(session.id);
  shop.receiver.answer = (res) => res.writeHead(204).end();
  const { id } = await orderOf(session.id);

  await using page = await openPage(browser);
  const type = (text: string) => page.keyboard.type(text);
  const press = (key: string) => page.keyboard.press(key);
  const focused = () => page.evaluate('document.activeElement.textContent.trim()');
  const tabTo = async (words: string) => {
    for (let i = 0; i < 40 && (await focused()) !== words; i++) await press('Tab');
    expect(await focused()).toBe(words);
    await press('Enter');
  };
  await page.goto(`${url}/ops/orders`);
  await page.getByLabel('Your name').and(page.locator(':focus')).waitFor();
  await type('Jenny');
  await press('Tab');
  await type(TOKEN);
  await press('Enter');
  await page.waitForURL('**/ops/orders');
  // Whoever speaks to the browser presses keys that they do not mean (WCAG 2.1.4): a lone one goes to no field.
  await page.getByText('Live', { exact: true }).waitFor();
  await press('/');
  expect(await page.locator('input:focus').count()).toBe(0);
  await tabTo('Skip to the content');
  await press('Tab');
  await type(String(id));
  await press('Enter');
  await page.waitForURL(`**/ops/orders/${id}`);
  await tabTo('Skip to the content');
  await tabTo('Try again');
  await page.locator('[data-part="head"]').getByText('fulfilled').waitFor();
  await tabTo('Log out');
  await page.waitForURL('**/ops/login');
});

const orderComes = () => shop.service.deliver(events.completedUnpaid(shop.checkout()));
/** As the service writes once a minute, which it may have done by then. */
const someAcknowledged = () =>
  shop.db.raw(
    `insert into acknowledgements values (date_bin('15 minutes', now(), 'epoch'), 2, 1) on conflict do nothing`,
  );

test('what new orders push off a page that follows is on the next page, whose link keeps the focus', async () => {
  await Promise.all(Array.from({ length: 51 }, orderComes));
  await using page = await logIn(await openPage(browser), '/ops/orders');
  await page.getByText('Live', { exact: true }).waitFor();
  const links = page.locator('[data-part="orders"] th a');
  const last = await links.last().innerText();
  const older = page.getByRole('link', { name: 'Older orders' });
  await older.focus();
  await orderComes();
  await page.getByRole('link', { name: last, exact: true }).waitFor({ state: 'detached' });
  expect(await older.and(page.locator(':focus')).count()).toBe(1);
  await older.press('Enter');
  await page.waitForURL('**/ops/orders?after=*');
  expect(await links.first().innerText()).toBe(last);
});

test('whoever reads a chart as a table is where they were when an order comes', async () => {
  await orderComes();
  await someAcknowledged();
  await using page = await logIn(await openPage(browser));
  const charts = page.locator('.pair');
  const focused = () => page.evaluate('document.activeElement.closest(".chart")?.textContent.slice(0, 20)');
  const drawnAnew = async () => {
    await page.evaluate('document.querySelector(".legend").remove()');
    await orderComes();
    await charts.locator('.chart').first().locator('.legend').waitFor();
  };
  await page.getByText('Live', { exact: true }).waitFor();
  await charts.getByText('As a table').last().click();
  await drawnAnew();
  expect(await focused()).toMatch(/Acknowledgement/);

  await charts.getByText('As a table').first().click();
  await charts.getByRole('region', { name: /^Orders/ }).focus();
  await page.evaluate('document.querySelector(".scroll").scrollTop = 100');
  await drawnAnew();
  expect(await page.evaluate('document.activeElement.scrollTop')).toBe(100);
});

test('the table that was opened stays open, and no other one, when the chart before it has its first order', async () => {
  await shop.db('orders').update({ created_at: shop.db.raw(`now() - interval '2 days'`) });
  await someAcknowledged();
  await using page = await logIn(await openPage(browser));
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByText('As a table').click();
  await orderComes();
  await page.locator('.chart').first().locator('.legend').waitFor();
  const opened = await page.locator('.chart:has(details[open]) h2').allInnerTexts();
  expect(opened).toEqual([expect.stringMatching(/^Acknowledgement/)]);
});

test('without scripts everything is there, in UTC', async () => {
  const session = shop.checkout();
  await shop.service.deliver(events.completedPaid(session));
  await using page = await logIn(await openPage(browser, { javaScriptEnabled: false }), '/ops/orders');
  await page.getByText('Times are in UTC.').waitFor();
  const { id, created_at } = await orderOf(session.id);
  await page.getByRole('link', { name: String(id), exact: true }).click();
  await page.waitForURL(`**/ops/orders/${id}`);
  const [, clock = ''] = /T(\S{8})/.exec(created_at.toISOString()) ?? [];
  expect(await page.locator('[data-part="facts"]').innerText()).toContain(clock);
});

test('with scripts, times are in the zone of the browser', async () => {
  const session = shop.checkout();
  await shop.service.deliver(events.completedPaid(session));
  const { id, created_at } = await orderOf(session.id);
  await using page = await logIn(
    await openPage(browser, { timezoneId: 'Asia/Kathmandu' }),
    `/ops/orders/${id}`,
  );
  await page.getByText('Times are in Asia/Kat').waitFor();
  const clock = new Date(created_at.getTime() + 5.75 * 3_600_000).toISOString().slice(11, 19);
  expect(await page.locator('[data-part="facts"]').innerText()).toContain(clock);
});

test('a link from another site leads to the page, for whoever is logged in', async () => {
  await using page = await logIn(await openPage(browser));
  pageElsewhere = `<a href="${url}/ops/events">look</a>`;
  await page.goto(elsewhere);
  await page.getByRole('link', { name: 'look' }).click();
  await page.getByRole('heading', { name: 'Events' }).waitFor();
});

test('a form on another site can do nothing here', async () => {
  const session = shop.checkout();
  await shop.service.deliver(events.completedPaid(session));
  const { id } = await orderOf(session.id);
  await using page = await logIn(await openPage(browser));
  pageElsewhere = `<form method="post" action="${url}/ops/orders/${id}/retry"><button>Win a prize</button></form>`;
  await page.goto(elsewhere);
  const [answer] = await Promise.all([
    page.waitForResponse(`**/ops/orders/${id}/retry`),
    page.getByRole('button').click(),
  ]);
  expect(answer.status()).toBe(401);
  expect(await shop.db('ops_actions').where({ subject: String(id) })).toEqual([]);
});
