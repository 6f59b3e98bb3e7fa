import { describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { openPool } from '../../../src/db/knex.ts';
import { createApp } from '../../../src/http/app.ts';
import { closeOrder } from '../../../src/ops/close.ts';
import { openLive } from '../../../src/ops/live.ts';
import { pulseOf } from '../../../src/ops/pulse.ts';
import { opsRouter } from '../../../src/ops/router.ts';
import { createStripe } from '../../../src/stripe/client.ts';
import { answerJson, closedUrl } from '../../support/http.ts';
import { silent } from '../../support/log.ts';
import { insertFulfillment, insertOrder } from '../../support/orders.ts';
import { openShop } from '../../support/shop.ts';
import { lineItem } from '../../support/stripe-api.ts';
import { events, stripeEvent } from '../../support/stripe-events.ts';
import { until } from '../../support/until.ts';

const shop = await openShop();
const quiet = await openShop();
const { url } = shop.service;
const get = (path: string) => request(url).get(path);

test.each([
  ['sandbox', '<a href="/sandbox">Buy something</a>'],
  ['test', '<code>stripe listen</code>'],
] as const)('where nothing has come in, the pages of %s mode say how something does', async (mode, words) => {
  const { db } = quiet;
  const live = openLive({ pulse: pulseOf(db), log: silent });
  const stripe = createStripe('sk_test_123', null);
  const router = opsRouter({ token: null, production: false, db, stripe, live, mode, log: silent });
  for (const path of ['/ops', '/ops/events']) {
    const { text } = await request(createApp([router], silent))
      .get(path)
      .expect(200);
    expect(text).toContain(words);
  }
});

test('what customers have written is text in every page, never markup', async () => {
  const evil = '<script>alert(1)</script>"\'&';
  const { order, event } = await shop.paid({
    client_reference_id: evil,
    customer_details: { email: `${evil}@example.com`, name: evil },
    metadata: { [evil]: evil },
  });
  for (const path of ['/ops', '/ops/orders', `/ops/orders/${order.id}`, `/ops/events/${event.id}`]) {
    const { text } = await get(path).expect(200);
    expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(text).not.toContain('<script>alert');
  }
  const { text } = await get(`/ops/orders?reference=${encodeURIComponent(evil)}`);
  expect(text).not.toContain('<script>alert');
});

test('what the customer was charged in another currency is told, and by what number they are reached', async () => {
  const { order } = await shop.paid({
    customer_details: { email: 'nora@example.com', name: 'Nora Kim', phone: '+49 30 123456' },
    presentment_details: { presentment_amount: 1_899, presentment_currency: 'eur' },
  });
  const { text } = await get(`/ops/orders/${order.id}`).expect(200);
  expect(text).toMatch(/<dt>Charged<\/dt><dd>.*?€18\.99/);
  expect(text).toContain('+49 30 123456');
});

test('nobody reads that a customer was charged whose payment has not come, or failed', async () => {
  const presentment_details = { presentment_amount: 1_899, presentment_currency: 'eur' };
  for (const status of ['awaiting_payment', 'failed']) {
    const { id } = await insertOrder(quiet.db, { status, presentment_details });
    const { text } = await request(quiet.service.url).get(`/ops/orders/${id}`).expect(200);
    expect(text).toMatch(/<dt>Asked for<\/dt><dd>.*?€18\.99/);
    expect(text).not.toContain('Charged');
    await quiet.db('orders').where({ id }).del();
  }
});

test('a list says why an order is not fulfilled, in a line or two', async () => {
  const { id } = await insertOrder(quiet.db);
  const beginning = `the warehouse says: ${'no '.repeat(26)}x🎈`;
  const last_error = `${beginning}${'no '.repeat(100)}`;
  await insertFulfillment(quiet.db, id, { status: 'dead', attempts: 12, last_error });
  const { text } = await request(quiet.service.url).get('/ops/orders?fulfillment=dead').expect(200);
  expect(text).toContain(`<span class="reason muted">${beginning}…</span>`);
  await quiet.db('fulfillments').where({ order_id: id }).del();
  await quiet.db('orders').where({ id }).del();
});

test('an order that was closed before its line items were fetched waits for none', async () => {
  const { id } = await insertOrder(quiet.db);
  await insertFulfillment(quiet.db, id, {
    attempts: 1,
    next_attempt_at: quiet.db.raw(`now() + interval '1 hour'`),
  });
  const itemsOf = async () => (await request(quiet.service.url).get(`/ops/orders/${id}`).expect(200)).text;
  expect(await itemsOf()).toContain('None yet: an attempt to fulfil the order fetches them');
  await closeOrder(quiet.db, id, { because: 'refunded', actor: 'test' });
  expect(await itemsOf()).toContain('None: the order was closed before');
  await quiet.db.raw('truncate orders cascade');
});

test('what makes the total stands below the items', async () => {
  const { order } = await shop.paid({
    amount_subtotal: 2_000,
    amount_total: 2_350,
    total_details: { amount_discount: 500, amount_shipping: 850, amount_tax: 0 },
  });
  const { text } = await get(`/ops/orders/${order.id}`).expect(200);
  const [, foot = ''] = /<tfoot>(.*?)<\/tfoot>/s.exec(text) ?? [];
  const sums = [...foot.matchAll(/<th[^>]*>(.*?)<\/th><td[^>]*>(.*?)<\/td>/g)].map(([, ...sum]) =>
    sum.join(' '),
  );
  expect(sums).toEqual(['Discount -$5.00', 'Shipping $8.50', 'Total $23.50']);
});

test('what the shop put into an item stands with it', async () => {
  const session = shop.checkout();
  const metadata = { sku: 'MUG-1', engraving: '<For Jo>' };
  shop.stripe.keep(session, [lineItem(1, { metadata }), lineItem(2, { metadata: {} })]);
  await shop.service.deliver(events.completedPaid(session));
  const { order } = await shop.atRest(session.id);
  const { text } = await get(`/ops/orders/${order.id}`).expect(200);
  const cells = [...text.matchAll(/<td class="wide">(.*?)<\/td>/gs)].map(([, cell = '']) =>
    cell.replaceAll(/<.*?>/g, ' ').trim(),
  );
  expect(cells).toEqual(['2 × Mug No. 1 sku: MUG-1  engraving: &lt;For Jo&gt;', '3 × Mug No. 2']);
});

test('an address stands as on an envelope', async () => {
  const address = {
    city: 'Berlin',
    country: 'DE',
    line1: 'Torstraße 12',
    line2: null,
    postal_code: '10119',
    state: '',
  };
  const { order } = await shop.paid({
    collected_information: { shipping_details: { address, name: 'Nora Kim' } },
  });
  const { text } = await get(`/ops/orders/${order.id}`).expect(200);
  const [, shipTo = ''] = /<dt>Ship to<\/dt><dd>(.*?)<\/dd>/.exec(text) ?? [];
  expect(shipTo.split(/<.*?>/).filter(Boolean)).toEqual(['Nora Kim', 'Torstraße 12', '10119 Berlin', 'DE']);
});

test('what the customer filled in stands by its label, and of a dropdown what was chosen', async () => {
  const options = ['S', 'M', 'XL'].map((label) => ({ label, value: label.toLowerCase() }));
  const field = (key: string, custom: string) => ({ key, label: { custom, type: 'custom' } });
  const { order } = await shop.paid({
    custom_fields: [
      { ...field('size', 'Your size'), type: 'dropdown', dropdown: { options, value: 'xl' } },
      { ...field('note', 'A note'), type: 'text', text: { value: 'for J.' } },
      { ...field('gift', 'Gift?'), type: 'text', optional: true, text: { value: null } },
      null,
    ],
  });
  const { text } = await get(`/ops/orders/${order.id}`).expect(200);
  const [, filledIn = ''] = /<dt>Custom fields<\/dt><dd>(.*?)<\/dd>/.exec(text) ?? [];
  expect(filledIn.split(/<.*?>/).filter(Boolean)).toEqual(['Your size: XL', 'A note: for J.']);
});

describe('finding', () => {
  test('by whatever a person has at hand leads to the order, or to a list with it', async () => {
    const { order, session, event } = await shop.paid({ client_reference_id: 'cart-find-me' });
    const find = async (q: string) => (await get(`/ops/find?q=${encodeURIComponent(q)}`)).headers.location;
    for (const q of [String(order.id), session.id, event.id])
      expect(await find(q)).toBe(`/ops/orders/${order.id}`);
    expect(await find(' cart-find-me ')).toBe('/ops/orders?reference=cart-find-me');
    expect(await find('jenny@')).toBe('/ops/orders?email=jenny%40');
    expect(await find('')).toBe('/ops/orders');
  });

  test('by a payment, of which Stripe knows the checkout session', async () => {
    const { order } = await shop.paid({ payment_intent: 'pi_of_this_order' });
    expect((await get('/ops/find?q=pi_of_this_order')).headers.location).toBe(`/ops/orders/${order.id}`);
    const { text } = await get('/ops/find?q=pi_of_a_terminal').expect(404);
    expect(text).toContain('Your Stripe account has no checkout session that pi_of_a_terminal was paid in.');
    const missed = shop.checkout({ payment_intent: 'pi_whose_event_never_came' });
    const page = await get(`/ops/find?q=${missed.payment_intent}`).expect(404);
    expect(page.text).toContain(`There is no order ${missed.id}.`);
  });

  test('by a subscription, of which Stripe knows the checkout session', async () => {
    const begun = { mode: 'subscription', payment_intent: null, subscription: 'sub_of_this_order' };
    const { order } = await shop.paid(begun);
    expect((await get('/ops/find?q=sub_of_this_order')).headers.location).toBe(`/ops/orders/${order.id}`);
    const { text } = await get('/ops/find?q=sub_of_an_app').expect(404);
    expect(text).toContain('Your Stripe account has no checkout session that sub_of_an_app began with.');
  });

  test('by a payment, while Stripe does not answer or does not know how to look for one', async () => {
    await shop.paid({ payment_intent: 'pi_of_another_order' });
    const listing = {
      object: 'list',
      data: [{ id: 'cs_other', payment_intent: 'pi_other' }],
      has_more: false,
    };
    shop.stripe.fault = (_req, res) => {
      answerJson(res, 200, listing);
      return true;
    };
    await get('/ops/find?q=pi_of_another_order').expect(404);
    shop.stripe.fault = (_req, res) => {
      answerJson(res, 500, { error: { type: 'api_error', message: 'Out of order.' } });
      return true;
    };
    const { text } = await get('/ops/find?q=pi_of_another_order').expect(503);
    expect(text).toContain('Stripe could not be asked: Out of order.');
    shop.stripe.fault = () => false;
  });

  test.each(['/ops', '/ops/orders'])('is asked for on %s', async (path) => {
    expect((await get(path).expect(200)).text).toMatch(
      /action="\/ops\/find" .*<input id="q" name="q" type="search"/s,
    );
  });

  test('by a reference that looks like an id, also where an order has that id', async () => {
    const { order } = await shop.paid({ client_reference_id: '100234' });
    const { order: other } = await shop.paid({ client_reference_id: String(order.id) });
    const find = async (q: string) => (await get(`/ops/find?q=${q}`).expect(303)).headers.location;
    expect(await find('100234')).toBe('/ops/orders?reference=100234');
    expect(await find(String(other.client_reference_id))).toBe(
      `/ops/orders/${order.id}?done=found_with_reference`,
    );
    expect((await get(`/ops/orders/${order.id}?done=found_with_reference`)).text).toContain(
      'Another order has this number',
    );
  });

  test('what is not there: a page says so', async () => {
    for (const path of [
      '/ops/orders/999999',
      '/ops/events/evt_none',
      '/ops/find?q=cs_none',
      '/ops/find?q=999999',
      '/ops/nothing',
    ]) {
      const { text } = await get(path).expect(404);
      expect(text).toContain('<h1>Not found</h1>');
    }
    expect((await get('/ops/nothing')).text).toContain('There is no page /ops/nothing here.');
  });

  test("an order's page by its session is the one by its id", async () => {
    const { order, session } = await shop.paid();
    await get(`/ops/orders/${session.id}`).expect(303).expect('Location', `/ops/orders/${order.id}`);
  });
});

test('an attempt that is under way is said to be, and to have been made once it has failed', async () => {
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const answered = shop.receiver.calls.length;
  shop.receiver.answer = async (res) => {
    await held;
    res.writeHead(500, { 'retry-after': '60' }).end();
  };
  const session = shop.checkout();
  await shop.service.deliver(events.completedPaid(session));
  await until('the receiver is called', () => shop.receiver.calls.length > answered);
  const { order } = await shop.rowsOf(session.id);
  const texts = async () => {
    const pages = ['/ops', `/ops/orders?session=${session.id}`, `/ops/orders/${order.id}`];
    return Promise.all(pages.map(async (path) => (await get(path).expect(200)).text));
  };
  for (const text of await texts()) {
    expect(text).toContain('attempt 1 under way');
    expect(text).not.toContain('tried 1x');
  }
  // To close the order does not call it back.
  expect((await texts()).at(-1)).toContain('may still reach the receiver');
  const { body } = await get(`/ops/api/orders?session=${session.id}`);
  expect(body.orders).toMatchObject([{ id: order.id, attempts: 1, under_way: true }]);
  letGo();
  await until('the attempt has failed', () =>
    shop.db('failed_attempts').where({ order_id: order.id }).first(),
  );
  for (const text of await texts()) {
    expect(text).toContain('tried 1x');
    expect(text).not.toContain('attempt 1 under way');
  }
  shop.receiver.answer = (res) => res.writeHead(204).end();
});

test.each([['Asia/Calcutta'], ['+05:30'], ['Atlantis/Poseidonis', 'UTC']])(
  'the overview in the zone %s ends with the hour there',
  async (zone, meant = zone) => {
    await shop.paid();
    const clock = new Intl.DateTimeFormat('en-GB', { timeZone: meant, timeStyle: 'short' });
    const hour = () => `${clock.format().slice(0, 2)}:00`;
    const before = hour();
    const cookie = `ops_zone=${encodeURIComponent(zone)}`;
    const { text } = await get('/ops').set('Cookie', cookie).expect(200);
    const hours = [...text.matchAll(/<tr><th scope="row">(\d\d:00)/g)].map(([, shown]) => shown);
    expect([before, hour()]).toContain(hours.at(-1));
  },
);

test('a dead mail is shown with its reason, and leads to its order', async () => {
  const { order } = await shop.paid();
  await shop
    .db('notifications')
    .where({ order_id: order.id })
    .update({ status: 'dead', sent_at: null, last_error: 'no such mailbox' });
  const { text } = await get('/ops').expect(200);
  expect(text).toMatch(
    new RegExp(`href="/ops/orders/${order.id}">Order ${order.id}</a>, the receipt:\\s+no such mailbox`),
  );
});

test('where a mail alone is owed, the buttons say that it is the mail which is tried again or done without', async () => {
  const { order } = await shop.paid();
  await shop.db('notifications').where({ order_id: order.id }).update({ status: 'dead', sent_at: null });
  const { text } = await get(`/ops/orders/${order.id}`).expect(200);
  expect(text).toContain('>Send the mail now</button>');
  expect(text).toContain('>Send no mail</button>');
  expect(text).not.toMatch(/>Try again<\/button>|refunded/);
});

test('the page of an order says that a mail of it is dead, and not where it goes out again', async () => {
  const { order } = await shop.paid();
  const mail = shop.db('notifications').where({ order_id: order.id });
  await mail.clone().update({ status: 'dead', sent_at: null });
  const page = async () => (await get(`/ops/orders/${order.id}`).expect(200)).text;
  expect(await page()).toMatch(/A mail was not sent, .* do without it below\./);
  await shop.db('fulfillments').where({ order_id: order.id }).update({ status: 'dead', fulfilled_at: null });
  expect(await page()).not.toContain('A mail was not sent');
  const later = { status: 'pending', next_attempt_at: 'tomorrow' };
  await shop.db('fulfillments').where({ order_id: order.id }).update(later);
  expect(await page()).toMatch(/A mail was not sent, .* then try again\.<\/p>/);
  await mail.clone().update(later);
  expect(await page()).not.toContain('A mail was not sent');
  await shop.db('fulfillments').where({ order_id: order.id }).del();
});

test('the overview says how many dead mails there are, where it shows the latest alone', async () => {
  const before = await shop.db('notifications').where({ status: 'dead' });
  expect((await get('/ops').expect(200)).text).not.toContain('the latest of');
  for (let n = before.length; n < 6; n += 1) {
    const { id } = await insertOrder(shop.db);
    await shop
      .db('notifications')
      .insert({ order_id: id, kind: 'order_paid', status: 'dead', next_attempt_at: null });
  }
  expect((await get('/ops').expect(200)).text).toContain('the latest of 6 mails');
});

test('the overview says of how many more currencies than it shows something was paid today', async () => {
  // Where it is day now: no day ends while the test runs.
  const zone = new Date().getUTCHours() < 12 ? '+06:00' : '-06:00';
  const overview = () =>
    get('/ops')
      .set('Cookie', `ops_zone=${encodeURIComponent(zone)}`)
      .expect(200);
  const paidToday = async () =>
    /<dt>Paid today<\/dt>\s*<dd>(.*?)<\/dd>/s.exec((await overview()).text)?.[1] ?? '';
  const amounts = async () => (await paidToday()).split(/<.*?>/).filter(Boolean);
  await shop.paid({ currency: 'usd' });
  for (const currency of ['eur', 'gbp', 'chf']) await shop.paid({ currency });
  expect(await amounts()).toHaveLength(4);
  await shop.paid({ currency: 'sek' });
  expect(await amounts()).toEqual([
    ...Array(3).fill(expect.stringMatching(/\d\.\d\d/)),
    'and 2 more currencies',
  ]);
});

test('after a day without orders the overview says so, and not that there was never one', async () => {
  const longAgo = quiet.db.raw(`now() - interval '3 days'`);
  await insertOrder(quiet.db, { created_at: longAgo, paid_at: longAgo });
  const { text } = await request(quiet.service.url).get('/ops').expect(200);
  expect(text).toContain('No order in the last 24 hours.');
  expect(text).toContain('No delivery in the last 24 hours.');
  expect(text).not.toMatch(/No (order|delivery) yet/);
});

test('what is to fulfil is counted with the dead, as the oldest of it is', async () => {
  const { id } = await insertOrder(shop.db);
  const created_at = shop.db.raw("now() - interval '1 day'");
  await insertFulfillment(shop.db, id, { status: 'dead', created_at });
  const unfulfilled = await shop.db('fulfillments').whereNot({ status: 'fulfilled' });
  const { text } = await get('/ops').expect(200);
  const [, tile = ''] = /<dt>Oldest unfulfilled<\/dt>(.*?)<\/div>/s.exec(text) ?? [];
  expect(tile).toContain(`href="/ops/orders/${id}"`);
  expect(tile).toMatch(new RegExp(`>${unfulfilled.length} orders? to fulfil<`));
  await shop.db('fulfillments').where({ order_id: id }).del();
});

test('numbers of orders on the overview are written as in its charts', async () => {
  await quiet.db.raw(
    `insert into orders (checkout_session_id, status, payment_status, mode, livemode)
     select 'cs_test_' || n, 'awaiting_payment', 'unpaid', 'payment', false from generate_series(1, 1234) as n`,
  );
  const { text } = await request(quiet.service.url).get('/ops').expect(200);
  expect(text).toContain('<a href="/ops/orders?status=awaiting_payment">1,234</a>');
  await quiet.db.raw('truncate orders cascade');
});

test('of those that are stuck the overview has the five that wait for the longest, and says how many there are', async () => {
  const stuck: number[] = [];
  for (let days = 1; days <= 7; days += 1) {
    const at = quiet.db.raw("now() - ? * interval '1 day'", [days]);
    const { id } = await insertOrder(quiet.db, { paid_at: at });
    await insertFulfillment(quiet.db, id, { status: 'dead', created_at: at });
    stuck.unshift(id);
  }
  const { text } = await request(quiet.service.url).get('/ops').expect(200);
  const [, part = ''] = /data-part="stuck">(.*?)<\/section>/s.exec(text) ?? [];
  const listed = [...part.matchAll(/<th scope="row"><a href="\/ops\/orders\/(\d+)"/g)].map(([, id]) =>
    Number(id),
  );
  expect(listed).toEqual(stuck.slice(0, 5));
  expect(part).toContain('<a class="spring" href="/ops/orders?fulfillment=stuck">All 7 that are stuck</a>');
  await quiet.db.raw('truncate orders cascade');
});

test('the overview says which alerts stand, and leaves those of work to what it shows of it', async () => {
  const notes = async () =>
    (await get('/ops').expect(200)).text.match(/<p class="note bad">.*?<\/p>/gs) ?? [];
  const alert = { cause: 'signatures_failing', details: { host: 'web-1', in_a_row: 7 } };
  const work = { cause: 'orders_unfulfilled', details: { count: 1, order_id: 1, minutes: 16 } };
  // The service looks as well, and may have found the second one in an order of the tests above.
  await shop.db('alerts').insert([alert, work]).onConflict().ignore();
  expect(await notes()).toEqual([
    expect.stringMatching(
      /<b>Signatures of webhook deliveries are wrong\.<\/b> 7 in a row at web-1.*Compare/,
    ),
  ]);
  await shop.db('alerts').update({ over_at: shop.db.fn.now() });
  expect(await notes()).toEqual([]);
});

test('the database does not answer: a page says so, and programs have it as JSON', async () => {
  const deadEnd = new URL(await closedUrl());
  const db = openPool(`postgres://x:x@${deadEnd.host}/x`, { kind: 'web', max: 2, log: silent });
  const live = openLive({ pulse: pulseOf(db), log: silent });
  const stripe = createStripe('sk_test_123', shop.stripe.url);
  const router = opsRouter({ token: null, production: false, db, stripe, live, mode: 'test', log: silent });
  const app = createApp([router], silent);
  const page = await request(app).get('/ops/orders').expect(503).expect('Content-Type', /html/);
  expect(page.text).toContain('<h1>Not now</h1>');
  await request(app).get('/ops/orders.csv').expect(503).expect('Content-Type', /html/);
  const answer = await request(app).get('/ops/api/orders').expect(503);
  expect(answer.body.error.code).toBe('unavailable');
  await db.destroy();
});

test('the list is paged, without repeating or leaving out an order', async () => {
  const references = Array.from({ length: 51 }, (_, n) => `page-${n}`);
  for (const client_reference_id of references)
    await insertOrder(shop.db, { status: 'awaiting_payment', client_reference_id });
  const { text: first } = await get('/ops/orders?status=awaiting_payment').expect(200);
  const [, next = ''] = /rel="next" href="([^"]+)"/.exec(first) ?? [];
  const { text: second } = await get(next.replaceAll('&amp;', '&')).expect(200);
  const shown = [...`${first}${second}`.matchAll(/page-\d+/g)].map(([reference]) => reference);
  expect(shown.toSorted()).toEqual(references.toSorted());
  expect(second).not.toContain('rel="next"');
});

test('dates are meant in the zone of the browser, however they are written', async () => {
  await insertOrder(shop.db, {
    created_at: new Date('2020-05-05T04:15:30Z'),
    client_reference_id: 'of-a-day-in-may',
  });
  const list = (query: string) =>
    get(`/ops/orders?${query}`).set('Cookie', 'ops_zone=Asia%2FKathmandu').expect(200);
  for (const query of [
    'since=2020-05-05&until=2020-05-06',
    'since=2020-05-05T10:00&until=2020-05-05T10:01',
    'since=2020-05-05+10:00&until=2020-05-05+10:01',
    'since=2020-05-05+10:00:15&until=2020-05-05+10:00:45',
    'since=2020-05-05+04:15Z&until=2020-05-05T04:16Z',
  ])
    expect((await list(query)).text).toContain('of-a-day-in-may');
  expect((await list('until=2020-05-05+10:00:15')).text).not.toContain('of-a-day-in-may');
});

test('a filter that can’t be read: 400, and the field says why', async () => {
  const { text } = await get('/ops/orders?amount=much').expect(400);
  expect(text).toMatch(/value="much"[^>]*aria-invalid="true"/);
  const { text: ofSelect } = await get('/ops/orders?fulfillment=lost').expect(400);
  expect(ofSelect).toMatch(
    /<select name="fulfillment" aria-invalid="true" aria-describedby="fault-fulfillment">.*<span class="fault" id="fault-fulfillment">must be one of pending,/,
  );
  const { text: ofDate } = await get('/ops/orders?since=2026-02-30').expect(400);
  expect(ofDate).toMatch(/<input name="since" value="2026-02-30" +aria-invalid="true"/);
  await get('/ops/orders.csv?amount=much').expect(400);
  await get('/ops/orders?after=x').expect(400);
  for (const path of ['/ops/orders', '/ops/orders.csv']) {
    const { text: ofNone } = await get(`${path}?fulfilment=dead`).expect(400);
    expect(ofNone).toContain('There is no filter called fulfilment.');
  }
});

test.each([
  ['/ops/orders?email=a%00', 400],
  ['/ops/orders?reference=%00', 400],
  ['/ops/orders?session=cs_%00', 400],
  ['/ops/orders?amount=999999999999.99', 200],
  ['/ops/orders?since=99999w', 200],
  ['/ops/orders?since=2026-02-30', 400],
  ['/ops/orders?since=0001-01-01&until=9999-12-31', 200],
  ['/ops/orders?after=9999999999999999_999999999999999', 200],
  ['/ops/orders?email=%ff', 200],
  ['/ops/orders?status[]=paid&__proto__=x', 400],
  ['/ops/orders/%00', 404],
  ['/ops/orders/%ff', 400],
  ['/ops/orders/999999999999999999999', 404],
  ['/ops/events/%00', 404],
  ['/ops/events?after=1_evt_1', 200],
  ['/ops/events?after=1_of%20a%20stand-in', 200],
  ['/ops/events?after=99999999999999999999999_evt_1', 404],
  ['/ops/events?after=1_%00', 404],
  ['/ops/find?q=%00', 303],
  ['/ops/find?q=a%00%27%22', 303],
  ['/ops?range=__proto__', 200],
])('%s is answered as what it is: %i', async (path, status) => {
  await get(path).expect(status);
});

test('an event whose payload was emptied is not replayed, and its page says so', async () => {
  const { event, order } = await shop.paid();
  await shop.db('stripe_events').where({ id: event.id }).update({ payload: null });
  const page = await get(`/ops/events/${event.id}`).expect(200);
  expect(page.text).toContain('It was emptied');
  expect(page.text).not.toContain('/replay');
  expect((await get(`/ops/orders/${order.id}`).expect(200)).text).not.toContain('/replay');
});

test('the payload of an event that is far deeper than others is shown as it came', async () => {
  const deep = JSON.parse(`${'['.repeat(200)}${'0,'.repeat(1_000)}0${']'.repeat(200)}`);
  const event = stripeEvent('invoice.paid', { id: 'in_1', object: 'invoice', deep });
  await shop.service.deliver(event);
  const { text } = await get(`/ops/events/${event.id}`).expect(200);
  expect(text).toContain(`&quot;deep&quot;:${'['.repeat(200)}0,0,`);
});

test('events that contradict an order are a list of their own, also those whose person was erased', async () => {
  const { session, order } = await shop.paid();
  const late = events.asyncFailed(session);
  await shop.service.deliver(late);
  const expectListed = async () => {
    const { text } = await get('/ops/events?outcome=conflict').expect(200);
    expect([...text.matchAll(/evt_\w+(?=<\/code>)/g)].map(([id]) => id)).toEqual([late.id]);
    expect(text).toContain(`href="/ops/orders/${order.id}"`);
  };
  await expectListed();
  await shop.db('stripe_events').where({ id: late.id }).update({ payload: null });
  await expectListed();
});

test('in the Dashboard of Stripe, by the mode and the account', async () => {
  const { order } = await shop.paid({ payment_intent: 'pi_123' });
  const { text } = await get(`/ops/orders/${order.id}`);
  expect(text).toContain('href="https://dashboard.stripe.com/test/payments/pi_123"');
});

test('a line feed within a cell of the export begins no row', async () => {
  const customer_name = 'Jo\nand\rJane';
  const { order } = await shop.paid({
    customer_details: { email: 'lines@example.com', name: customer_name },
  });
  const { text } = await get('/ops/orders.csv?email=lines@example.com').expect(200);
  expect(text.split('\r\n')).toHaveLength(3);
  expect(text).toContain(`"${customer_name}"`);
  expect(text).toContain(String(order.id));
});

test('no cell of the export is a formula, by whichever separator it is read', async () => {
  const customer_name = '=1+1;=2+2;-3;@4;fine; thanks';
  await shop.paid({ customer_details: { email: 'sums@example.com', name: customer_name } });
  const { text } = await get('/ops/orders.csv?email=sums@example.com').expect(200);
  expect(text).toContain(",'=1+1;'=2+2;'-3;'@4;fine; thanks,");
});

test.each([
  ['a quote', 'Jo;"=1+1;', `"Jo;""'=1+1;"`],
  ['a line feed', 'Jo\n=1+1', `"Jo\n'=1+1"`],
  ['a carriage return', 'Jo\r+1', `"Jo\r'+1"`],
  ['a semicolon, by a wide sign', 'Jo;＝1+1', "Jo;'＝1+1"],
])('nor where it begins behind %s', async (_what, name, cell) => {
  const email = `${name.length}.${encodeURIComponent(name)}@example.com`;
  await shop.paid({ customer_details: { email, name } });
  const { text } = await get(`/ops/orders.csv?email=${encodeURIComponent(email)}`).expect(200);
  expect(text).toContain(`,${email},${cell},`);
});

test('the export has every order of many pages, each once', async () => {
  await shop.db.raw(
    `insert into orders (checkout_session_id, status, payment_status, mode, livemode, failed_at, customer_email)
     select 'cs_test_many' || n, 'failed', 'unpaid', 'payment', false, now(), 'many@example.com'
     from generate_series(1, 1100) as n`,
  );
  const { text, headers } = await get('/ops/orders.csv?email=many@example.com').expect(200);
  expect(headers['content-type']).toBe('text/csv; charset=utf-8');
  const sessions = [...text.matchAll(/cs_test_many\d+/g)].map(([id]) => id);
  expect([sessions.length, new Set(sessions).size]).toEqual([1_100, 1_100]);
});

test('its head alone is answered without reading them', async () => {
  const { db } = shop;
  const stripe = createStripe('sk_test_123', null);
  const live = openLive({ pulse: pulseOf(db), log: silent });
  const router = opsRouter({ token: null, production: false, db, stripe, live, mode: 'test', log: silent });
  let statements = 0;
  const count = () => (statements += 1);
  db.on('query', count);
  const { headers } = await request(createApp([router], silent))
    .head('/ops/orders.csv')
    .expect(200);
  db.removeListener('query', count);
  expect(headers).toMatchObject({
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': expect.stringMatching(/^attachment; filename=orders-/),
  });
  expect(statements).toBe(1);
});

test('the export has amounts as people write them, by the name that the views for people give them', async () => {
  await insertOrder(shop.db, { customer_email: 'amount@example.com', amount_total: 6_498, currency: 'usd' });
  await insertOrder(shop.db, { customer_email: 'amount@example.com', amount_total: 500, currency: 'jpy' });
  const { text } = await get('/ops/orders.csv?email=amount@example.com').expect(200);
  const amountOf = (line: string) => line.split(',').slice(4, 6);
  expect(text.trimEnd().split('\r\n').map(amountOf)).toEqual([
    ['amount', 'currency'],
    ['500', 'jpy'],
    ['64.98', 'usd'],
  ]);
});

test('an export of no orders says what there would be of each', async () => {
  const { text } = await get('/ops/orders.csv?email=nobody@example.com').expect(200);
  expect(text).toMatch(/^\ufeff?id,created_at,.+,livemode\r\n$/);
});
