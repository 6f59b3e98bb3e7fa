import { expect, test } from '@jest/globals';
import { answerJson } from '../support/http.ts';
import { openShop } from '../support/shop.ts';
import { events } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

// Each in a shop of its own: they wait side by side.

test.concurrent('the receiver fails, hangs, and is told again with the same id and body until it takes the order', async () => {
  const shop = await openShop({ FULFILLMENT_TIMEOUT_MS: '2000' });
  const session = shop.checkout();
  let call = 0;
  shop.receiver.answer = (res) => {
    call += 1;
    if (call === 1) res.writeHead(500).end();
    if (call === 3) res.writeHead(200).end();
  };
  await shop.service.deliver(events.completedPaid(session));
  const { fulfillments } = await shop.atRest(session.id);
  expect(fulfillments).toMatchObject([{ status: 'fulfilled', attempts: 3, last_error: null }]);
  const { calls } = shop.receiver;
  expect(new Set(calls.map(({ id, idempotencyKey, text }) => `${id} ${idempotencyKey} ${text}`)).size).toBe(
    1,
  );
  expect(calls).toHaveLength(3);
});

test.concurrent('the receiver never takes it: the order is dead after the last attempt, kept with its reason', async () => {
  const shop = await openShop({ FULFILLMENT_MAX_ATTEMPTS: '2' });
  const session = shop.checkout();
  shop.receiver.answer = (res) => res.writeHead(502).end();
  await shop.service.deliver(events.completedPaid(session));
  const { order, fulfillments } = await shop.atRest(session.id);
  expect(order.status).toBe('paid');
  expect(fulfillments).toMatchObject([
    { status: 'dead', attempts: 2, last_error: 'the receiver answered 502' },
  ]);
  expect(shop.receiver.calls).toHaveLength(2);
});

test.concurrent('the receiver asks for time: the next attempt waits for it', async () => {
  const shop = await openShop();
  const session = shop.checkout();
  shop.receiver.answer = (res) => res.writeHead(429, { 'retry-after': '3600' }).end();
  await shop.service.deliver(events.completedPaid(session));
  const row = await until('the failure is written', async () => {
    const [row] = (await shop.rowsOf(session.id)).fulfillments;
    return row.last_error && row;
  });
  expect(row.next_attempt_at - Date.now()).toBeGreaterThan(3_500_000);
});

test.concurrent.each([429, 500])(
  "Stripe's API answers %i for a while: the order is fulfilled afterwards, with all its items",
  async (status) => {
    const shop = await openShop();
    const session = shop.checkout({}, 25);
    let faults = 2;
    shop.stripe.fault = (_req, res) => {
      faults -= 1;
      if (faults < 0) return false;
      answerJson(res, status, { error: { type: 'api_error', message: 'not now' } });
      return true;
    };
    await shop.service.deliver(events.completedPaid(session));
    const { fulfillments, lineItems } = await shop.atRest(session.id);
    expect(fulfillments).toMatchObject([{ status: 'fulfilled' }]);
    expect(lineItems).toHaveLength(25);
  },
);

test.concurrent("Stripe's API breaks off in the middle of the pages: no item is kept alone", async () => {
  const shop = await openShop();
  const session = shop.checkout({}, 250);
  let pages = 0;
  shop.stripe.fault = (req, res) => {
    if (!req.url?.includes('/line_items')) return false;
    pages += 1;
    if (pages !== 2 && pages !== 3) return false;
    res.writeHead(200, { 'content-length': '1000' }).write('{"object": "list", "da');
    res.destroy();
    return true;
  };
  await shop.service.deliver(events.completedPaid(session));
  const seen: number[] = [];
  await until('it is fulfilled', async () => {
    const { fulfillments, lineItems } = await shop.rowsOf(session.id);
    seen.push(lineItems.length);
    return fulfillments[0].status === 'fulfilled';
  });
  expect(seen.filter((count) => count !== 0 && count !== 250)).toEqual([]);
  expect(shop.receiver.calls[0]?.body.data.line_items).toHaveLength(250);
});

test.concurrent("Stripe's API says that the session is unpaid: nothing is given away on the word of an event alone", async () => {
  const shop = await openShop({ FULFILLMENT_MAX_ATTEMPTS: '2' });
  const session = shop.checkout({ payment_status: 'unpaid' });
  await shop.service.deliver(events.completedPaid(session));
  const { fulfillments, lineItems, notifications } = await shop.atRest(session.id);
  expect(fulfillments).toMatchObject([
    { status: 'dead', last_error: 'Stripe says that the session is unpaid' },
  ]);
  expect([lineItems, notifications, shop.receiver.calls]).toEqual([[], [], []]);
});

test.concurrent("Stripe's API does not know the session: dead, with its reason", async () => {
  const shop = await openShop({ FULFILLMENT_MAX_ATTEMPTS: '2' });
  const session = shop.checkout();
  await shop.service.deliver(events.completedPaid({ ...session, id: 'cs_test_unknown' }));
  const { fulfillments } = await shop.atRest('cs_test_unknown');
  expect(fulfillments).toMatchObject([
    { status: 'dead', last_error: 'Stripe: No such checkout.session: cs_test_unknown' },
  ]);
});

test.concurrent('an order without an address has nobody to write to: said, not hidden', async () => {
  const shop = await openShop();
  const session = shop.checkout({ customer_details: null });
  await shop.service.deliver(events.completedPaid(session));
  const { notifications, fulfillments } = await shop.atRest(session.id);
  expect(fulfillments).toMatchObject([{ status: 'fulfilled' }]);
  expect(notifications).toMatchObject([
    { status: 'dead', attempts: 1, last_error: expect.stringContaining('customer_email') },
  ]);
});
