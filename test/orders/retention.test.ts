import { beforeEach, describe, expect, test } from '@jest/globals';
import { openPool } from '../../src/db/knex.ts';
import { emptyOldPayloads, STEP, startRetention } from '../../src/orders/retention.ts';
import { createTestDatabase } from '../support/database.ts';
import { recordingLog, silent } from '../support/log.ts';
import { newId } from '../support/new-id.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { until } from '../support/until.ts';

const { db, url } = await createTestDatabase();
const DAYS = 90;
const empty = (limit = 100) => emptyOldPayloads(db, { days: DAYS, limit });

beforeEach(() => db.raw('truncate stripe_events, orders, ops_actions cascade'));

/** An event that came in so long ago (91 days, unless told), of that session or of none. */
async function event({ age = '91 days', session = null as string | null } = {}): Promise<string> {
  const [row] = await db('stripe_events')
    .insert({
      id: newId('evt'),
      type: 'checkout.session.completed',
      livemode: false,
      checkout_session_id: session,
      created_at: db.fn.now(),
      received_at: db.raw('now() - ?::interval', [age]),
      outcome: 'applied',
      payload: '{"id":"evt_1"}',
    })
    .returning('id');
  return row.id;
}

/** A paid order with its fulfillment, unless told otherwise. */
async function order({ status = 'paid', fulfillment = 'fulfilled' as string | null } = {}): Promise<string> {
  const { id, checkout_session_id } = await insertOrder(db, { status });
  if (status === 'paid' && fulfillment !== null) await insertFulfillment(db, id, { status: fulfillment });
  return checkout_session_id;
}

const withPayload = () => db('stripe_events').whereNotNull('payload').orderBy('received_at').pluck('id');

test('the payload goes, and nothing else of the event does', async () => {
  const id = await event({ session: await order() });
  const before = await db('stripe_events').where({ id }).first();
  expect(await empty()).toBe(1);
  expect(await db('stripe_events').where({ id }).first()).toEqual({ ...before, payload: null });
  expect(await empty()).toBe(0);
});

test('at the age of 90 days, to the minute', async () => {
  await event({ age: '90 days 1 minute' });
  const young = await event({ age: '89 days 23 hours 59 minutes' });
  expect(await empty()).toBe(1);
  expect(await withPayload()).toEqual([young]);
});

describe('settled', () => {
  test.each([
    ['an event of no session', null],
    ['an order that failed', { status: 'failed' }],
    ['an order that is fulfilled', { status: 'paid', fulfillment: 'fulfilled' }],
  ])('%s', async (_case, given) => {
    await event({ session: given && (await order(given)) });
    expect(await empty()).toBe(1);
  });

  test('an event of a session that made no order', async () => {
    await event({ session: 'cs_test_expired' });
    expect(await empty()).toBe(1);
  });
});

describe('not settled', () => {
  test.each([
    ['an order that waits for its money', { status: 'awaiting_payment' }],
    ['a fulfillment that is pending', { status: 'paid', fulfillment: 'pending' }],
    ['a fulfillment that is dead', { status: 'paid', fulfillment: 'dead' }],
  ])('%s: none of its events is emptied, until it is settled', async (_case, given) => {
    const session = await order(given);
    const ids = [await event({ session, age: '100 days' }), await event({ session, age: '92 days' })];
    await event({ session: await order() });
    expect(await empty()).toBe(1);
    expect(await withPayload()).toEqual(ids);

    await db('orders').where({ checkout_session_id: session, status: 'awaiting_payment' }).update({
      status: 'failed',
      failed_at: db.fn.now(),
    });
    await db('fulfillments').update({
      status: 'fulfilled',
      next_attempt_at: null,
      fulfilled_at: db.fn.now(),
    });
    expect(await empty()).toBe(2);
  });

  test('those that wait at the front of the queue stop nobody behind them', async () => {
    const session = await order({ fulfillment: 'dead' });
    for (let i = 0; i < 5; i += 1) await event({ session, age: '200 days' });
    await event();
    expect(await empty(2)).toBe(1);
  });
});

test('a step takes the oldest first, and no more than its limit', async () => {
  const young = await event({ age: '91 days' });
  await event({ age: '93 days' });
  await event({ age: '92 days' });
  expect(await empty(2)).toBe(2);
  expect(await withPayload()).toEqual([young]);
});

test('what another process is emptying right now is passed over, not waited for', async () => {
  const held = await event({ age: '92 days' });
  const free = await event();
  const other = await db.transaction();
  await emptyOldPayloads(other, { days: DAYS, limit: 1 });
  expect(await empty()).toBe(1);
  await other.rollback();
  expect(await withPayload()).toEqual([held]);
  expect(await db('stripe_events').where({ id: free }).first()).toMatchObject({ payload: null });
});

/** So many settled events of 91 days ago. */
const fill = (count: number) =>
  db.raw(
    `insert into stripe_events (id, type, livemode, created_at, received_at, outcome, payload)
     select 'evt_' || n, 'charge.updated', false, now(), now() - interval '91 days', 'ignored', '{}'
     from generate_series(1, ?) as n`,
    [count],
  );

test('the loop goes on until nothing is left, also when two run it', async () => {
  const young = await event({ age: '1 day' });
  await fill(3 * STEP + 1);
  const loops = [1, 2].map(() => startRetention({ db, days: DAYS, log: silent }));
  await until('all are emptied', async () => (await withPayload()).length === 1);
  expect(await withPayload()).toEqual([young]);
  await Promise.all(loops.map((loop) => loop.stop()));

  // A row for each loop that emptied something.
  const runs = await db('ops_actions').where({ actor: 'retention', action: 'empty_payloads' });
  expect(runs.length).toBeLessThanOrEqual(2);
  expect(runs.reduce((sum, { details }) => sum + details.events, 0)).toBe(3 * STEP + 1);
});

test('what a run emptied is kept with it, also of a run that is broken off, and nothing of one that had nothing to do', async () => {
  await fill(2 * STEP);
  const broken = startRetention({ db, days: DAYS, log: silent });
  await until('a step is done', async () => (await withPayload()).length < 2 * STEP);
  await broken.stop();
  const emptied = 2 * STEP - (await withPayload()).length;
  expect(await db('ops_actions')).toMatchObject([
    { actor: 'retention', subject: 'stripe_events', details: { events: emptied } },
  ]);

  await empty(2 * STEP);
  await startRetention({ db, days: DAYS, log: silent }).stop();
  expect(await db('ops_actions')).toHaveLength(1);
});

describe('the log of a loop', () => {
  test('says how many payloads went once none is left, and it rests', async () => {
    await fill(2 * STEP + 1);
    const { log, lines } = recordingLog();
    const loop = startRetention({ db, days: DAYS, log });
    await until('it says so', () => lines.length > 0);
    const late = await event();
    for (let i = 0; i < 10; i += 1) expect(await withPayload()).toEqual([late]);
    await loop.stop();
    expect(lines).toMatchObject([{ level: 'info', events: 2 * STEP + 1 }]);
  });

  test('says nothing where there was nothing to do', async () => {
    const { log, lines } = recordingLog();
    await startRetention({ db, days: DAYS, log }).stop();
    expect(lines).toEqual([]);
  });

  test('says why a step failed; the loop outlives it', async () => {
    const away = openPool(url, { kind: 'worker', max: 1, log: silent });
    await away.destroy();
    const { log, lines } = recordingLog();
    await startRetention({ db: away, days: DAYS, log }).stop();
    expect(lines).toMatchObject([{ level: 'warn', reason: expect.stringMatching(/pool|connection/i) }]);
  });
});

test('a loop that is stopped ends its step and begins no other', async () => {
  await fill(3 * STEP);
  await startRetention({ db, days: DAYS, log: silent }).stop();
  expect(await withPayload()).toHaveLength(2 * STEP);
});
