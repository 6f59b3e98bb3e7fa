import { describe, expect, test } from '@jest/globals';
import { httpFulfiller, retryAfterMs } from '../../src/fulfillment/http-fulfiller.ts';
import type { LineItem, Order } from '../../src/orders/order.ts';
import { closedUrl } from '../support/http.ts';
import { FULFILLMENT_SECRET, startReceiver } from '../support/receiver.ts';

const paidAt = new Date('2026-10-28T12:00:00.123Z');
const paid = {
  order: {
    id: 7,
    checkout_session_id: 'cs_7',
    status: 'paid',
    amount_total: 2 ** 53 - 1,
    paid_at: paidAt,
    customer_name: 'Zoë 🎈',
  } as Order,
  lineItems: [{ stripe_line_item_id: 'li_1', quantity: 2 } as LineItem],
  idempotencyKey: 'cs_7',
};
const never = new AbortController().signal;
const receiver = await startReceiver();
const fulfil = (url = receiver.url, timeoutMs = 5_000) =>
  httpFulfiller({ url, secret: FULFILLMENT_SECRET, timeoutMs })(paid, never);

test('POSTs the order, signed so that the Standard Webhooks package accepts it', async () => {
  await fulfil();
  const [call] = receiver.calls;
  expect(call).toMatchObject({ id: 'cs_7', idempotencyKey: 'cs_7' });
  expect(call?.body).toEqual({
    type: 'order.paid',
    timestamp: '2026-10-28T12:00:00.123Z',
    data: { order: { ...paid.order, paid_at: '2026-10-28T12:00:00.123Z' }, line_items: paid.lineItems },
  });
});

test('a repeat has the same id and the same body', async () => {
  receiver.calls.length = 0;
  await fulfil();
  await fulfil();
  const [first, second] = receiver.calls;
  expect([second?.id, second?.text]).toEqual([first?.id, first?.text]);
});

describe('is not fulfilled by', () => {
  test.each([301, 302, 307, 400, 401, 410, 429, 500, 503])('an answer of %i', async (status) => {
    receiver.answer = (res) => res.writeHead(status, { location: `${receiver.url}/elsewhere` }).end();
    receiver.calls.length = 0;
    await expect(fulfil()).rejects.toThrow(`the receiver answered ${status}`);
    expect(receiver.calls).toHaveLength(1);
  });

  test('no answer within the timeout', async () => {
    receiver.answer = () => {};
    await expect(fulfil(receiver.url, 100)).rejects.toThrow(/could not be reached: .*timeout/);
  });

  test('a broken connection', async () => {
    receiver.answer = (res) => res.destroy();
    await expect(fulfil()).rejects.toThrow('could not be reached');
  });

  test('nobody there', async () => {
    await expect(fulfil(await closedUrl())).rejects.toThrow(/could not be reached: .*ECONNREFUSED/);
  });
});

test('is fulfilled by any 2xx, whatever follows in the body', async () => {
  receiver.answer = (res) => {
    res.writeHead(202).write('working on it');
  };
  await fulfil(receiver.url, 1_000);
});

test('the stop signal breaks a call off', async () => {
  const abort = new AbortController();
  receiver.answer = () => abort.abort();
  const call = httpFulfiller({ url: receiver.url, secret: FULFILLMENT_SECRET, timeoutMs: 60_000 })(
    paid,
    abort.signal,
  );
  await expect(call).rejects.toThrow(/abort/);
});

test('Retry-After is carried along, as seconds or as a date', async () => {
  receiver.answer = (res) => res.writeHead(503, { 'retry-after': '120' }).end();
  await expect(fulfil()).rejects.toMatchObject({ retryAfterMs: 120_000 });

  const now = new Date('2026-11-01T00:00:00Z');
  expect(retryAfterMs('Sun, 01 Nov 2026 00:00:30 GMT', now)).toBe(30_000);
  expect(retryAfterMs('Sat, 31 Oct 2026 00:00:00 GMT', now)).toBe(0);
  for (const nonsense of [null, '', 'soon', '-5', '1e9999']) expect(retryAfterMs(nonsense, now)).toBe(0);
});
