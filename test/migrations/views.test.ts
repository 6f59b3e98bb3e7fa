import { beforeEach, expect, test } from '@jest/globals';
import { minorUnits } from '../../src/notifications/money.ts';
import { listOrders } from '../../src/ops/orders.ts';
import { createTestDatabase } from '../support/database.ts';
import { newId } from '../support/new-id.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';

const { db } = await createTestDatabase();

beforeEach(() => db.raw('truncate orders, stripe_events cascade'));

const ago = (age: string) => db.raw('now() - cast(? as interval)', [age]);
const all = async (view: string) => (await db.raw('select * from :view:', { view })).rows;

/** An age as people read it, give or take the second in which the test runs. */
const about = (age: string) => expect.stringMatching(new RegExp(`^${age}`));
const ages = async (view: string, column: string) =>
  (await db.raw('select cast(:column: as text) as age from :view:', { view, column })).rows.map(
    (row: { age: string | null }) => row.age,
  );

test('major_units knows each currency as src/notifications/money.ts does', async () => {
  const currencies = [...Intl.supportedValuesOf('currency'), 'BYR', 'XYZ'].flatMap((code) => [
    code,
    code.toLowerCase(),
  ]);
  const { rows } = await db.raw<{ rows: { currency: string; one: number; odd: string }[] }>(
    `select currency, cast(1 / major_units(1, currency) as float8) as one, cast(major_units(-1234567, currency) as text) as odd
     from unnest(cast(:currencies as text[])) as currency`,
    { currencies },
  );
  expect(rows).toHaveLength(currencies.length);
  for (const { currency, one, odd } of rows) {
    expect([currency, one]).toEqual([currency, minorUnits('1', currency)]);
    expect(odd.replace('.', '')).toBe('-1234567');
  }
  const { rows: unknown } = await db.raw('select major_units(1, null) as amount');
  expect(unknown).toEqual([{ amount: null }]);
});

test('orders_overview: amounts in major units, and for how long an order waits', async () => {
  const paid = async (columns: Record<string, unknown>, work: Record<string, unknown>) => {
    const order = await insertOrder(db, { paid_at: ago('3 hours'), ...columns });
    await insertFulfillment(db, order.id, work);
    return order;
  };
  const { id: open } = await insertOrder(db, { status: 'awaiting_payment', created_at: ago('2 days') });
  const { id: owed } = await paid(
    { currency: 'jpy' },
    { attempts: 3, last_error: 'the receiver answered 500' },
  );
  const { id: done } = await paid({ currency: 'kwd' }, { status: 'fulfilled' });
  const rows = await db('orders_overview').orderBy('id');
  expect(rows).toMatchObject([
    { id: open, status: 'awaiting_payment', amount: '64.98', currency: 'usd', fulfillment: null },
    {
      id: owed,
      amount: '6498',
      fulfillment: 'pending',
      attempts: 3,
      last_error: 'the receiver answered 500',
    },
    { id: done, amount: '6.498', fulfillment: 'fulfilled' },
  ]);
  const waiting = await db('orders_overview').orderBy('id').select(db.raw('cast(waiting as text) as it'));
  expect(waiting.map(({ it }) => it)).toEqual([about('2 days'), about('03:00:0'), null]);
});

test('orders_stuck: those that the list of orders calls so, the longest waiting first', async () => {
  const paid = async (age: string, status: string) => {
    const { id } = await insertOrder(db, { paid_at: ago(age) });
    await insertFulfillment(db, id, { status });
    return id;
  };
  await insertOrder(db, { status: 'awaiting_payment', created_at: ago('3 days') });
  await paid('1 day', 'fulfilled');
  await paid('14 minutes', 'pending');
  const dead = await paid('1 minute', 'dead');
  const old = await paid('16 minutes', 'pending');
  const stuck = (await all('orders_stuck')).map(({ id }: { id: number }) => id);
  expect(stuck).toEqual([old, dead]);
  const { orders } = await listOrders(db, { fulfillment: 'stuck' }, { limit: 10, after: null });
  expect(orders.map(({ id }) => id)).toEqual([old, dead]);
});

test('revenue_by_day: what was paid on each day of UTC, whatever zone the session has', async () => {
  const paid = (at: string, columns: Record<string, unknown> = {}) =>
    insertOrder(db, { paid_at: new Date(at), ...columns });
  await paid('2026-11-24T23:59:59Z');
  await paid('2026-11-25T00:00:00Z');
  await paid('2026-11-25T12:00:00Z', { amount_total: 2 });
  await paid('2026-11-25T23:59:59Z', { currency: 'jpy' });
  await paid('2026-11-25T12:00:00Z', { livemode: true });
  await insertOrder(db, { status: 'failed' });
  const rows = await db.transaction(async (trx) => {
    await trx.raw(`set local timezone = 'Pacific/Auckland'`);
    return (await trx.raw('select cast(day as text), currency, livemode, orders, amount from revenue_by_day'))
      .rows;
  });
  expect(rows).toEqual([
    { day: '2026-11-25', currency: 'jpy', livemode: false, orders: 1, amount: '6498' },
    { day: '2026-11-25', currency: 'usd', livemode: false, orders: 2, amount: '65.00' },
    { day: '2026-11-25', currency: 'usd', livemode: true, orders: 1, amount: '64.98' },
    { day: '2026-11-24', currency: 'usd', livemode: false, orders: 1, amount: '64.98' },
  ]);
});

test('PostgreSQL knows how few of all orders were paid on one day', async () => {
  await db.raw(
    `insert into orders (checkout_session_id, status, payment_status, mode, livemode, paid_at)
     select 'cs_' || n, 'paid', 'paid', 'payment', false, timestamptz '2026-01-01' + n * interval '1 hour'
     from generate_series(0, 2399) as n`,
  );
  await db.raw('analyze orders');
  const { rows } = await db.raw(
    `explain (format json) select from orders where cast(paid_at at time zone 'UTC' as date) >= date '2026-04-10'`,
  );
  // The last of a hundred days has 24 orders. Of what it knows nothing about, it expects a third: 800.
  expect(rows[0]['QUERY PLAN'][0].Plan['Plan Rows']).toBeLessThan(48);
});

test('events_recent: those that can be replayed, the newest first, with their orders', async () => {
  const { id, checkout_session_id } = await insertOrder(db);
  const event = async (columns: Record<string, unknown>) => {
    const event = {
      id: newId('evt'),
      type: 'charge.updated',
      livemode: false,
      created_at: ago('1 hour'),
      received_at: ago('50 minutes'),
      outcome: 'ignored',
      payload: '{}',
      ...columns,
    };
    await db('stripe_events').insert(event);
    return event.id;
  };
  const old = await event({});
  const young = await event({ checkout_session_id, received_at: ago('5 minutes'), outcome: 'applied' });
  await event({ payload: null });
  expect(await all('events_recent')).toMatchObject([
    { id: young, order_id: id, outcome: 'applied' },
    { id: old, order_id: null, outcome: 'ignored' },
  ]);
  expect(await ages('events_recent', 'age')).toEqual([about('00:05:0'), about('00:50:0')]);
  expect(await ages('events_recent', 'took')).toEqual(['00:55:00', '00:10:00']);
});

test('work_dead: fulfilments and mails that wait for a person, and when they died', async () => {
  const { id: order_id } = await insertOrder(db);
  await insertFulfillment(db, order_id, {
    status: 'dead',
    attempts: 12,
    last_error: 'the receiver answered 500',
    created_at: ago('30 minutes'),
  });
  const { id: fine } = await insertOrder(db);
  await insertFulfillment(db, fine);
  const died = new Date('2026-11-25T10:00:00Z');
  const dead = { status: 'dead', next_attempt_at: null };
  const [mail] = await db('notifications')
    .insert([
      { order_id, kind: 'order_paid', ...dead, created_at: ago('1 hour'), died_at: died },
      { order_id, kind: 'payment_failed', ...dead, created_at: ago('1 minute') },
      { order_id: fine, kind: 'order_paid', created_at: ago('2 hours') },
    ])
    .returning('id');
  expect(await all('work_dead')).toMatchObject([
    { work: 'order_paid', id: mail.id, order_id, amount: '64.98', died_at: died },
    { work: 'fulfillment', order_id, attempts: 12, last_error: 'the receiver answered 500', died_at: null },
    { work: 'payment_failed', order_id, died_at: null },
  ]);
});
