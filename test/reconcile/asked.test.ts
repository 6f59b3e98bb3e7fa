import { beforeEach, expect, test } from '@jest/globals';
import { databaseSeconds } from '../../src/db/clock.ts';
import type { Asked } from '../../src/reconcile/ask.ts';
import { awaitingOrders } from '../../src/reconcile/awaiting.ts';
import { unconfirmedOrders } from '../../src/reconcile/unconfirmed.ts';
import { createTestDatabase } from '../support/database.ts';
import { insertOrder } from '../support/orders.ts';

const { db } = await createTestDatabase();
const now = await databaseSeconds(db);
const today = { since: now - 60 * 60, upTo: now + 60 * 60, livemode: false };

beforeEach(() => db.raw('truncate orders cascade'));

async function idsOf(groups: AsyncIterable<readonly Asked[]>): Promise<number[]> {
  const ids = [];
  for await (const group of groups) ids.push(...group.map(({ id }) => id));
  return ids;
}

test.each([
  ['awaiting_payment', awaitingOrders],
  ['paid', unconfirmedOrders],
])("of orders at %s Stripe is asked for those of its key's mode and account", async (status, orders) => {
  const { id } = await insertOrder(db, { status });
  for (const other of [{ livemode: true }, { account: 'acct_7' }])
    await insertOrder(db, { status, ...other });
  expect(await idsOf(orders(db, today))).toEqual([id]);
});

test('of a paid order it is asked unless its API has said so, whatever it said before', async () => {
  const paid = { to_status: 'paid', event_id: 'evt_1' };
  const [heard, told, looked] = [await insertOrder(db), await insertOrder(db), await insertOrder(db)];
  await db('order_transitions').insert([
    { order_id: heard.id, to_status: 'awaiting_payment', source: 'reconcile' },
    { order_id: heard.id, from_status: 'awaiting_payment', ...paid, source: 'webhook' },
    { order_id: told.id, ...paid, source: 'reconcile' },
    { order_id: looked.id, ...paid, source: 'landing_page' },
  ]);
  expect(await idsOf(unconfirmedOrders(db, today))).toEqual([heard.id]);
});

test('of a paid order also where its money came weeks after it', async () => {
  const { id } = await insertOrder(db, { created_at: new Date((now - 29 * 24 * 60 * 60) * 1_000) });
  expect(await idsOf(unconfirmedOrders(db, today))).toEqual([id]);
});

test('it is asked for all that wait for their money, however many, and however they lie', async () => {
  await db.raw(
    `insert into orders (checkout_session_id, status, payment_status, mode, livemode)
     select 'cs_' || n, 'awaiting_payment', 'unpaid', 'payment', false from generate_series(1, 1001) as n`,
  );
  const first = db('orders').where({ checkout_session_id: 'cs_1' });
  await first.update({ created_at: db.raw(`created_at + interval '1 second'`) });
  expect(new Set(await idsOf(awaitingOrders(db, today))).size).toBe(1_001);
});
