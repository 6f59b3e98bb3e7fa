import { expect, test } from '@jest/globals';
import { historyOf, shopStandingOf } from '../../src/ops/overview.ts';
import { createTestDatabase } from '../support/database.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';

const { db } = await createTestDatabase();
/** One for all: an hour or a day may end while the tests run. */
const now = new Date();

/** A paid order whose payment came so long ago. As where a person has moved it, no transition tells of it. */
async function paidOrder(ago: string, columns: Record<string, unknown> = {}, fulfillment = {}) {
  const at = db.raw('cast(? as timestamptz) - cast(? as interval)', [now, ago]);
  const order = await insertOrder(db, { created_at: at, paid_at: at, ...columns });
  await insertFulfillment(db, order.id, { status: 'fulfilled', created_at: at, ...fulfillment });
  return order;
}

test('of nothing there is nothing, and every hour is there', async () => {
  expect(await shopStandingOf(db, 'UTC', now)).toEqual({
    paid_today: [],
    owed: 0,
    oldest: null,
    stuck: 0,
    longest_stuck: [],
    dead_fulfillments: 0,
    dead_mails: 0,
    mails: [],
    awaiting_payment: 0,
  });
  const history = await historyOf(db, '24h', 'UTC', now);
  expect(history).toHaveLength(24);
  expect(history.at(-1)).toEqual({
    at: `${now.toISOString().slice(0, 13)}:00`,
    paid: 0,
    awaiting_payment: 0,
    failed: 0,
    p50: null,
    p99: null,
  });
  expect(await historyOf(db, '30d', 'UTC', now)).toHaveLength(30);
});

test('money paid today, by currency, and the work that is owed', async () => {
  await paidOrder('0', { currency: 'usd', amount_total: 1_000 });
  await paidOrder('0', { currency: 'usd', amount_total: 500 });
  await paidOrder('0', { currency: null, amount_total: null }, { status: 'pending' });
  const oldest = await paidOrder('3 days', { currency: 'eur', amount_total: 700 }, { status: 'dead' });
  const mail = {
    order_id: oldest.id,
    kind: 'order_paid',
    status: 'dead',
    next_attempt_at: null,
    last_error: 'no such mailbox',
  };
  await db('notifications').insert(mail);
  await insertOrder(db, { status: 'awaiting_payment', created_at: now });
  await insertOrder(db, { status: 'failed', created_at: now });

  const { paid_today, oldest: waiting, mails, ...counts } = await shopStandingOf(db, 'UTC', now);
  expect(paid_today).toEqual([
    { currency: 'usd', orders: 2, amount: 1_500 },
    { currency: null, orders: 1, amount: 0 },
  ]);
  expect(waiting?.order_id).toBe(oldest.id);
  expect(waiting?.waiting_seconds).toBeGreaterThanOrEqual(3 * 86_400);
  expect(mails).toEqual([{ order_id: oldest.id, kind: 'order_paid', last_error: 'no such mailbox' }]);
  expect(counts).toEqual({
    owed: 1,
    stuck: 1,
    longest_stuck: [oldest.id],
    dead_fulfillments: 1,
    dead_mails: 1,
    awaiting_payment: 1,
  });

  const days = await historyOf(db, '30d', 'UTC', now);
  expect(days.at(-1)).toMatchObject({ paid: 3, awaiting_payment: 1, failed: 1 });
  expect(days.at(-4)).toMatchObject({ paid: 1, awaiting_payment: 0, failed: 0 });
});

test('a day is the reader’s: it begins and ends by their clock', async () => {
  const { rows } = await db.raw(
    `select to_char(cast(? as timestamptz) at time zone 'Pacific/Kiritimati', 'YYYY-MM-DD') as today`,
    [now],
  );
  const days = await historyOf(db, '30d', 'Pacific/Kiritimati', now);
  expect(days.at(-1)?.at).toBe(`${rows[0].today}T00:00`);
});

test.each([
  // The day of 25 hours in Berlin.
  ['Europe/Berlin', '2020-10-25T22:30:00Z', '30d', '2020-10-24T22:00:00Z', '2020-10-25T22:59:59Z'],
  ['Europe/Berlin', '2020-10-25T01:30:00Z', '24h', '2020-10-25T00:00:00Z', '2020-10-25T01:59:59Z'],
  ['Asia/Calcutta', '2020-05-05T12:00:00Z', '30d', '2020-05-04T18:30:00Z', '2020-05-05T18:29:59Z'],
  ['+05:30', '2020-05-05T12:00:00Z', '24h', '2020-05-05T11:30:00Z', '2020-05-05T12:29:59Z'],
] as const)('in %s at %s, the last span of %s is from %s to %s', async (zone, at, range, first, last) => {
  await db.raw('truncate orders cascade');
  const paidAt = (at: string, seconds: number) =>
    paidOrder('0', { created_at: new Date(Date.parse(at) + seconds * 1_000) });
  await paidAt(first, -1);
  const within = [await paidAt(first, 0), await paidAt(last, 0)];
  await paidAt(last, 1);
  const spans = await historyOf(db, range, zone, new Date(at));
  expect(spans.at(-1)?.paid).toBe(within.length);
  expect(spans.at(-2)?.paid).toBe(1);
});

test('how quickly deliveries were answered, hour by hour', async () => {
  await db.raw(
    `insert into acknowledgements
     select date_bin('15 minutes', cast(:now as timestamptz) - cast(ago as interval), 'epoch'), within_ms, deliveries
     from (values ('0', 2, 98), ('0', 500, 2), ('40 days', 2, 1)) as answered (ago, within_ms, deliveries)`,
    { now },
  );
  const hours = await historyOf(db, '24h', 'UTC', now);
  expect(hours.at(-1)?.p50).toBeCloseTo(1 + 50 / 98);
  expect(hours.at(-1)?.p99).toBeCloseTo(400);
  expect(hours.filter(({ p50 }) => p50 !== null)).toHaveLength(1);
});
