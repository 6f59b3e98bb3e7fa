import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { orderFilterShape } from '../../src/ops/order-filter.ts';
import { listOrders } from '../../src/ops/orders.ts';
import { createTestDatabase } from '../support/database.ts';
import { newId } from '../support/new-id.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';

const { db } = await createTestDatabase();

beforeEach(() => db.raw('truncate orders, stripe_events cascade'));

const ago = (age: string) => db.raw('now() - cast(? as interval)', [age]);

async function idsOf(given: Record<string, string>): Promise<number[]> {
  const { orders } = await listOrders(db, orderFilterShape().parse(given), { limit: 100, after: null });
  return orders.map(({ id }) => id);
}

describe('a filter', () => {
  test('status', async () => {
    const { id: open } = await insertOrder(db, { status: 'awaiting_payment' });
    const { id: failed } = await insertOrder(db, { status: 'failed' });
    const { id: paid } = await insertOrder(db);
    expect(await idsOf({})).toEqual([paid, failed, open]);
    expect(await idsOf({ status: 'awaiting_payment' })).toEqual([open]);
    expect(await idsOf({ status: 'failed' })).toEqual([failed]);
    expect(await idsOf({ status: 'paid' })).toEqual([paid]);
  });

  test('fulfillment', async () => {
    const paid = async (age: string, columns: Record<string, unknown>) => {
      const { id } = await insertOrder(db, { paid_at: ago(age) });
      await insertFulfillment(db, id, columns);
      return id;
    };
    await insertOrder(db, { status: 'awaiting_payment', created_at: ago('3 days') });
    const fulfilled = await paid('1 day', { status: 'fulfilled' });
    const young = await paid('14 minutes', { status: 'pending' });
    const old = await paid('16 minutes', { status: 'pending' });
    const dead = await paid('1 minute', { status: 'dead' });
    expect(await idsOf({ fulfillment: 'fulfilled' })).toEqual([fulfilled]);
    expect(await idsOf({ fulfillment: 'pending' })).toEqual([old, young]);
    expect(await idsOf({ fulfillment: 'dead' })).toEqual([dead]);
    expect(await idsOf({ fulfillment: 'stuck' })).toEqual([dead, old]);
  });

  test('email: a whole address in any case, or how it begins', async () => {
    const { id: jenny } = await insertOrder(db, { customer_email: 'Jenny@example.com' });
    const { id: jen } = await insertOrder(db, { customer_email: 'jen@example.com' });
    const { id: odd } = await insertOrder(db, { customer_email: 'j%n_y\\@example.com' });
    await insertOrder(db, { customer_email: null });
    expect(await idsOf({ email: 'jenny@EXAMPLE.com' })).toEqual([jenny]);
    expect(await idsOf({ email: 'jen' })).toEqual([jen, jenny]);
    expect(await idsOf({ email: 'Jen@ex*' })).toEqual([jen]);
    expect(await idsOf({ email: 'jen@ex' })).toEqual([]);
    expect(await idsOf({ email: 'j%' })).toEqual([odd]);
    expect(await idsOf({ email: 'j%n_y\\' })).toEqual([odd]);
    expect(await idsOf({ email: 'j_n' })).toEqual([]);
  });

  test('since and until: how long ago, or a date', async () => {
    const { id: old } = await insertOrder(db, { created_at: ago('4 days') });
    const { id: day } = await insertOrder(db, { created_at: ago('13 hours') });
    const { id: fresh } = await insertOrder(db);
    const { id: ancient } = await insertOrder(db, { created_at: new Date('2020-05-05T10:00') });
    expect(await idsOf({ since: '3d' })).toEqual([fresh, day]);
    expect(await idsOf({ since: '12h' })).toEqual([fresh]);
    expect(await idsOf({ since: '1w', until: '30m' })).toEqual([day, old]);
    expect(await idsOf({ since: '2020-05-05', until: '2020-05-06' })).toEqual([ancient]);
    expect(await idsOf({ since: '2020-05-05T10:00', until: '2020-05-05T10:01' })).toEqual([ancient]);
    expect(await idsOf({ until: '2020-05-05T10:00' })).toEqual([]);
  });

  test('amount: in the way its currency is written', async () => {
    const { id: usd } = await insertOrder(db, { amount_total: 6400, currency: 'usd' });
    const { id: eur } = await insertOrder(db, { amount_total: 6400, currency: 'eur' });
    const { id: jpy } = await insertOrder(db, { amount_total: 6400, currency: 'jpy' });
    const { id: kwd } = await insertOrder(db, { amount_total: 6400, currency: 'kwd' });
    await insertOrder(db, { amount_total: null, currency: null });
    expect(await idsOf({ amount: '64' })).toEqual([eur, usd]);
    expect(await idsOf({ amount: '64.00 EUR' })).toEqual([eur]);
    expect(await idsOf({ amount: '6400 jpy' })).toEqual([jpy]);
    expect(await idsOf({ amount: '6.4kwd' })).toEqual([kwd]);
    expect(await idsOf({ amount: '6400' })).toEqual([]);
  });

  test('reference, session and event', async () => {
    const { id, checkout_session_id } = await insertOrder(db, { client_reference_id: 'cart-1' });
    await insertOrder(db, { client_reference_id: 'cart-2' });
    const event = newId('evt');
    await db('stripe_events').insert({
      id: event,
      type: 'checkout.session.completed',
      livemode: false,
      checkout_session_id,
      created_at: db.fn.now(),
      outcome: 'applied',
    });
    expect(await idsOf({ reference: 'cart-1' })).toEqual([id]);
    expect(await idsOf({ session: checkout_session_id })).toEqual([id]);
    expect(await idsOf({ event })).toEqual([id]);
    expect(await idsOf({ event: newId('evt') })).toEqual([]);
  });

  test('all of them at once: each narrows', async () => {
    const { id } = await insertOrder(db, { client_reference_id: 'cart-1' });
    await insertFulfillment(db, id);
    const given = { status: 'paid', fulfillment: 'pending', email: 'jen', since: '1h', reference: 'cart-1' };
    expect(await idsOf(given)).toEqual([id]);
    for (const other of [{ status: 'failed' }, { fulfillment: 'dead' }, { email: 'bob' }, { until: '1h' }]) {
      expect(await idsOf({ ...given, ...other })).toEqual([]);
    }
  });

  test.each([
    { status: 'open' },
    { fulfillment: 'lost' },
    { since: 'yesterday' },
    { since: '3 d' },
    { since: '3' },
    { until: '2026-13-01' },
    { since: '2026-02-30' },
    { amount: '-1' },
    { amount: '64,98' },
    { amount: '64.985' },
    { amount: '64.5 jpy' },
    { amount: '64 euro' },
    { session: 'evt_1' },
    { event: 'evt_1; drop' },
  ])('%j is refused', (given) => {
    expect(orderFilterShape().safeParse(given).success).toBe(false);
  });
});

test('a row says how what it is owed stands, and for how long it waits', async () => {
  const { id: open } = await insertOrder(db, { status: 'awaiting_payment', created_at: ago('1 hour') });
  const { id: owed } = await insertOrder(db, { created_at: ago('1 day'), paid_at: ago('60 seconds') });
  const pause = { attempts: 3, next_attempt_at: ago('-20 seconds'), last_error: 'the receiver answered 500' };
  await insertFulfillment(db, owed, pause);
  const { id: done } = await insertOrder(db, { created_at: ago('2 days') });
  await insertFulfillment(db, done, { status: 'fulfilled', attempts: 1 });
  const { orders } = await listOrders(db, {}, { limit: 10, after: null });
  expect(orders).toMatchObject([
    { id: open, fulfillment_status: null, attempts: null, last_error: null },
    {
      id: owed,
      fulfillment_status: 'pending',
      attempts: 3,
      under_way: false,
      last_error: 'the receiver answered 500',
    },
    { id: done, fulfillment_status: 'fulfilled', attempts: 1, waiting_seconds: null },
  ]);
  expect(orders[0]?.waiting_seconds).toBeCloseTo(3_600, -1);
  expect(orders[1]?.waiting_seconds).toBeCloseTo(60, -1);
});

describe('pages', () => {
  const FIRST = Date.parse('2026-01-01T00:00:00Z') * 1_000;
  /** In microseconds, as PostgreSQL keeps it: many orders of a batch share one. */
  const insertAt = async (micros: number, status = 'paid') =>
    (
      await insertOrder(db, {
        status,
        created_at: db.raw(`timestamptz 'epoch' + ? * interval '1 microsecond'`, [FIRST + micros]),
      })
    ).id;

  test('one after the other are the whole list, whatever comes in meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ at: fc.nat(5), failed: fc.boolean() }), { maxLength: 12 }),
        fc.array(fc.nat(3), { maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        async (there, coming, limit, onlyFailed) => {
          await db.raw('truncate orders cascade');
          const inserted: { id: number; at: number; failed: boolean }[] = [];
          for (const { at, failed } of there)
            inserted.push({ at, failed, id: await insertAt(at, failed ? 'failed' : 'paid') });
          // So that the rows of one moment do not lie in the order of their ids.
          await db('orders').whereRaw('id % 2 = 0').update({ client_reference_id: 'moved' });
          const filter = orderFilterShape().parse(onlyFailed ? { status: 'failed' } : {});
          const read: number[] = [];
          let after: string | null = null;
          do {
            const page = await listOrders(db, filter, { limit, after });
            expect(page.orders.length).toBeLessThanOrEqual(limit);
            read.push(...page.orders.map(({ id }) => id));
            after = page.next;
            const later = coming.shift();
            if (later !== undefined) await insertAt(10 + later, 'failed');
          } while (after !== null);
          const whole = inserted.filter(({ failed }) => failed || !onlyFailed);
          expect(read).toEqual(whole.sort((a, b) => b.at - a.at || b.id - a.id).map(({ id }) => id));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('a last page that is just full has none after it', async () => {
    await insertAt(1);
    await insertAt(1);
    expect((await listOrders(db, {}, { limit: 2, after: null })).next).toBeNull();
    expect((await listOrders(db, {}, { limit: 1, after: null })).next).toMatch(/^\d+_\d+$/);
  });
});
