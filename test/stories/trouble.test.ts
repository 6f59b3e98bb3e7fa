import { afterEach, describe, expect, test } from '@jest/globals';
import { answerJson } from '../support/http.ts';
import { openShop } from '../support/shop.ts';
import { events } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const shop = await openShop({ FULFILLMENT_TIMEOUT_MS: '2000' });
const impatient = await openShop({ FULFILLMENT_MAX_ATTEMPTS: '2' });

afterEach(() => {
  shop.stripe.fault = () => false;
  shop.receiver.answer = (res) => res.writeHead(204).end();
});

const callsFor = (sessionId: string) => shop.receiver.calls.filter(({ id }) => id === sessionId);

describe('the receiver', () => {
  test('fails, hangs, and is told again with the same id and body until it takes the order', async () => {
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
    const calls = callsFor(session.id);
    expect(new Set(calls.map(({ id, idempotencyKey, text }) => `${id} ${idempotencyKey} ${text}`)).size).toBe(
      1,
    );
    expect(calls).toHaveLength(3);
  });

  test('never takes it: the order is dead after the last attempt, kept with its reason', async () => {
    const session = impatient.checkout();
    impatient.receiver.answer = (res) => res.writeHead(502).end();
    await impatient.service.deliver(events.completedPaid(session));
    const { order, fulfillments } = await impatient.atRest(session.id);
    expect(order.status).toBe('paid');
    expect(fulfillments).toMatchObject([
      { status: 'dead', attempts: 2, last_error: 'the receiver answered 502' },
    ]);
    expect(impatient.receiver.calls).toHaveLength(2);
    impatient.receiver.calls.length = 0;
  });

  test('asks for time: the next attempt waits for it', async () => {
    const session = shop.checkout();
    shop.receiver.answer = (res) => res.writeHead(429, { 'retry-after': '3600' }).end();
    await shop.service.deliver(events.completedPaid(session));
    const row = await until('the failure is written', async () => {
      const [row] = (await shop.rowsOf(session.id)).fulfillments;
      return row.last_error && row;
    });
    expect(row.next_attempt_at - Date.now()).toBeGreaterThan(3_500_000);
  });
});

describe("Stripe's API", () => {
  test.each([429, 500])(
    'answers %i for a while: the order is fulfilled afterwards, with all its items',
    async (status) => {
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

  test('breaks off in the middle of the pages: no item is kept alone', async () => {
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
    expect(callsFor(session.id)[0]?.body.data.line_items).toHaveLength(250);
  });

  test('says that the session is unpaid: nothing is given away on the word of an event alone', async () => {
    const session = impatient.checkout({ payment_status: 'unpaid' });
    await impatient.service.deliver(events.completedPaid(session));
    const { fulfillments, lineItems, notifications } = await impatient.atRest(session.id);
    expect(fulfillments).toMatchObject([
      { status: 'dead', last_error: 'Stripe says that the session is unpaid' },
    ]);
    expect([lineItems, notifications, impatient.receiver.calls]).toEqual([[], [], []]);
  });

  test('does not know the session: dead, with its reason', async () => {
    const session = impatient.checkout();
    await impatient.service.deliver(events.completedPaid({ ...session, id: 'cs_test_unknown' }));
    const { fulfillments } = await impatient.atRest('cs_test_unknown');
    expect(fulfillments).toMatchObject([
      { status: 'dead', last_error: 'Stripe: No such checkout.session: cs_test_unknown' },
    ]);
  });
});

test('an order without an address has nobody to write to: said, not hidden', async () => {
  const session = shop.checkout({ customer_details: null });
  await shop.service.deliver(events.completedPaid(session));
  const { notifications, fulfillments } = await shop.atRest(session.id);
  expect(fulfillments).toMatchObject([{ status: 'fulfilled' }]);
  expect(notifications).toMatchObject([
    { status: 'dead', attempts: 1, last_error: expect.stringContaining('customer_email') },
  ]);
});
