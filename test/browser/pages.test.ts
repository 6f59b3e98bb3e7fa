import { expect, test } from '@jest/globals';
import type { Page, PageScreenshotOptions } from 'playwright-core';
import type { Knex } from '../../src/db/knex.ts';
import { bringAxe, cutOffOn, openBrowser, openPage, type RuleSet, violationsOf } from '../support/browser.ts';
import { fillBusyDay } from '../support/busy-day.ts';
import { newId } from '../support/new-id.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { picture } from '../support/pictures.ts';
import { openShop } from '../support/shop.ts';

const shop = await openShop();
await fillBusyDay(shop.db);
const emptyShop = await openShop();
const shopOfLongWords = await openShop();
await fillWithLongWords(shopOfLongWords.db);
const browser = await openBrowser();

/** A hash for a reference, an error about a host, large sums, and the longest type of event that is handled. */
async function fillWithLongWords(db: Knex): Promise<void> {
  const order = await insertOrder(db, {
    client_reference_id: 'd41d8cd98f00b204'.repeat(4),
    currency: 'huf',
    amount_total: 123_456_789,
    total_details: { amount_shipping: 123_456 },
  });
  await db('stripe_events').insert({
    id: newId('evt'),
    type: 'checkout.session.async_payment_succeeded',
    livemode: false,
    checkout_session_id: order.checkout_session_id,
    created_at: db.fn.now(),
    outcome: 'applied',
    payload: '{}',
  });
  const dead = {
    status: 'dead',
    next_attempt_at: null,
    last_error: `getaddrinfo ENOTFOUND ${'receiver.'.repeat(10)}internal`,
  };
  await insertFulfillment(db, order.id, dead);
  await db('notifications').insert({ order_id: order.id, kind: 'order_paid', ...dead });
  await db('order_line_items').insert({
    order_id: order.id,
    stripe_line_item_id: 'li_1',
    position: 0,
    description: 'Mug',
    quantity: 100,
    amount_subtotal: 1_199_999_988,
    amount_discount: 0,
    amount_tax: 0,
    amount_total: 1_199_999_988,
    currency: 'idr',
  });
}

const looks = {
  light: { viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: 'light', isMobile: true, hasTouch: true },
} as const;

const { url } = shop.service;
const event = await shop.db('stripe_events').orderBy('received_at', 'desc').first();
const pages = {
  overview: `${url}/ops`,
  'overview of a month': `${url}/ops?range=30d`,
  orders: `${url}/ops/orders`,
  'orders with a faulty filter': `${url}/ops/orders?status=lost&email=jen&amount=1,5&since=2026-11-01`,
  order: `${url}/ops/orders/121`,
  events: `${url}/ops/events`,
  event: `${url}/ops/events/${event.id}`,
  'no conflicts': `${url}/ops/events?outcome=conflict`,
  'no such order': `${url}/ops/orders/4711`,
  'overview of an empty shop': `${emptyShop.service.url}/ops`,
  'orders of an empty shop': `${emptyShop.service.url}/ops/orders`,
};

/** Those that the README shows, each to the end of a card. */
const pictures: Readonly<Record<string, PageScreenshotOptions>> = {
  'overview-light': { clip: { x: 0, y: 0, width: 1280, height: 812 } },
  'order-dark': { fullPage: true },
  'orders-phone': {},
};

test.each<[look: keyof typeof looks, rules: RuleSet]>([
  ['light', 'all'],
  ['dark', 'contrast'],
  ['phone', 'all but contrast'],
])('every page, %s: fits its screen, and axe-core finds nothing (%s)', async (look, rules) => {
  await using page = await openPage(browser, looks[look]);
  await bringAxe(page);
  for (const [name, address] of Object.entries(pages)) {
    await page.goto(address);
    const options = pictures[`${name}-${look}`];
    if (options) await picture(page, `ops-${name}-${look}`, options);
    expect([name, await cutOffOn(page)]).toEqual([name, []]);
    expect([name, await violationsOf(page, rules)]).toEqual([name, []]);
  }
});

test.each([320, 375, 768, 961, 1280])('words longer than a line are broken at %i px', async (width) => {
  const { db, service } = shopOfLongWords;
  const { id } = await db('orders').orderBy('id').first();
  await using page = await openPage(browser, { viewport: { width, height: 900 } });
  const unknown = `/ops/find?q=cs_live_${'a1b2c3'.repeat(10)}`;
  for (const path of ['/ops', '/ops/orders', `/ops/orders/${id}`, '/ops/events', unknown]) {
    await page.goto(service.url + path);
    expect([path, await cutOffOn(page)]).toEqual([path, []]);
    if (path === '/ops/events') expect(await linesOf(page, 'td a')).toBe(1);
  }
});

function linesOf(page: Page, selector: string): Promise<unknown> {
  return page.evaluate(`const range = document.createRange();
    range.selectNodeContents(document.querySelector('${selector}'));
    range.getClientRects().length`);
}

test('a long reason breaks no address beside it', async () => {
  const { db, service } = shopOfLongWords;
  const { id } = await insertOrder(db, { customer_email: 'jenny.rosen@example.com' });
  const { status, last_error } = await db('fulfillments').first();
  await insertFulfillment(db, id, { status, last_error });
  await using page = await openPage(browser, { viewport: { width: 1100, height: 900 } });
  await page.goto(`${service.url}/ops/orders?email=jenny.rosen@example.com`);
  expect(await linesOf(page, 'td.wide')).toBe(1);
});

test('on a phone, what was filtered is on the screen', async () => {
  await using page = await openPage(browser, looks.phone);
  await page.goto(`${url}/ops/orders?fulfillment=dead&since=3d`);
  await page.getByText('Filter: fulfillment dead, since 3d').waitFor();
  const order = await page.getByRole('link', { name: '121', exact: true }).boundingBox();
  expect(order?.y).toBeLessThan(looks.phone.viewport.height);
});

test('on a phone, a long status leaves the address its place, and a total stands in one line', async () => {
  const { db, service } = shopOfLongWords;
  const { id } = await insertOrder(db, {
    status: 'awaiting_payment',
    customer_email: 'maeve.obrien@example.com',
    amount_total: 18_200,
    currency: 'eur',
  });
  await db('order_line_items').insert({
    ...(await db('order_line_items').first('*')),
    order_id: id,
    description: 'A mug for each day of the week',
    currency: 'eur',
    amount_subtotal: 11_700,
  });
  // Without its script: a row that is made anew while it is measured has no place.
  await using page = await openPage(browser, { ...looks.phone, javaScriptEnabled: false });
  await page.goto(`${service.url}/ops/orders?status=awaiting_payment`);
  const status = await page.locator('.badge').getByText('awaiting payment').boundingBox();
  const address = await page.getByRole('cell', { name: 'maeve.obrien' }).boundingBox();
  expect((status?.x ?? 0) + (status?.width ?? 0)).toBeLessThan(address?.x ?? 0);

  await page.goto(`${service.url}/ops/orders/${id}`);
  expect(await linesOf(page, 'tfoot td')).toBe(1);
});

test('in the list of events a row leads to its event, and the link to the order to that', async () => {
  await using page = await openPage(browser, looks.light);
  await page.goto(`${url}/ops/events`);
  const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: /^Order/ }) });
  const link = row.first().getByRole('link', { name: /^Order/ });
  const order = await link.getAttribute('href');
  await link.click({ timeout: 10_000 });
  await page.waitForURL(url + order);
  await page.goBack();
  // What is clicked is the event's link, which lies over its row.
  await row.first().getByRole('cell').last().click({ force: true });
  await page.waitForURL(/events\/evt_/);
});

test('on a phone, the heading of a list stands clear of the border of its card', async () => {
  await using page = await openPage(browser, looks.phone);
  await page.goto(`${url}/ops`);
  const card = await page.locator('[data-part="newest"]').boundingBox();
  const heading = await page.getByRole('heading', { name: 'Newest orders' }).boundingBox();
  expect((heading?.y ?? 0) - (card?.y ?? 0)).toBeGreaterThan(10);
});
