import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Knex } from '../../src/db/knex.ts';
import { contentsOf } from '../support/database.ts';
import { connectionsOf, hold, spawnService, startSurroundings, untilWaiting } from '../support/process.ts';
import { deliver } from '../support/service.ts';
import type { EventJson } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const { db, receiver, env, paidEvent } = await startSurroundings();

const answerAtOnce = receiver.answer;
const neverAnswer = () => {};
const sessionOf = ({ data }: EventJson) => data.object.id as string;

beforeEach(async () => {
  receiver.calls.length = 0;
  await db.raw('truncate stripe_events, orders cascade');
});

async function workFor(event: EventJson) {
  const dueIn = db.raw('extract(epoch from next_attempt_at - now())::float8 as due_in');
  return db('fulfillments')
    .join('orders', 'orders.id', 'order_id')
    .where({ checkout_session_id: sessionOf(event) })
    .select('fulfillments.*', dueIn)
    .first();
}

const fulfilled = (event: EventJson) =>
  until('it is fulfilled', async () => (await workFor(event))?.status === 'fulfilled');

const callsFor = (event: EventJson) => receiver.calls.filter(({ id }) => id === sessionOf(event));

describe('in the middle of an attempt', () => {
  /** A service whose only attempt waits for the receiver. */
  async function spawnBusy(event: EventJson) {
    receiver.answer = neverAnswer;
    const service = await spawnService(env);
    expect(await deliver(service.url, event)).toBe(200);
    await until('the receiver is called', () => callsFor(event).length === 1);
    receiver.answer = answerAtOnce;
    return service;
  }

  async function expectOneOrderInTwoAttempts(event: EventJson) {
    expect(await workFor(event)).toMatchObject({ status: 'fulfilled', attempts: 2, last_error: null });
    const calls = callsFor(event);
    expect(calls).toHaveLength(2);
    expect(calls.map(({ idempotencyKey }) => idempotencyKey)).toEqual([sessionOf(event), sessionOf(event)]);
    expect(await db('orders').where({ checkout_session_id: sessionOf(event) })).toHaveLength(1);
  }

  test('SIGKILL: the order waits for the end of its lease, 30 s at most, and another process takes it up', async () => {
    const event = paidEvent();
    await using killed = await spawnBusy(event);
    killed.kill('SIGKILL');
    expect(await killed.ended).toEqual({ code: null, signal: 'SIGKILL' });
    const leased = await workFor(event);
    expect(leased).toMatchObject({ status: 'pending', attempts: 1 });
    expect(leased.due_in).toBeGreaterThan(0);
    expect(leased.due_in).toBeLessThanOrEqual(30);
    // So that it does not end while the heir is on its way.
    await db('fulfillments')
      .where({ id: leased.id })
      .update({ next_attempt_at: db.raw(`now() + interval '10 minutes'`) });

    await using heir = await spawnService(env);
    const other = paidEvent();
    expect(await deliver(heir.url, other)).toBe(200);
    await fulfilled(other);
    expect(await workFor(event)).toMatchObject({ status: 'pending', attempts: 1 });

    await db('fulfillments').where({ id: leased.id }).update({ next_attempt_at: db.fn.now() });
    await fulfilled(event);
    await expectOneOrderInTwoAttempts(event);
  });

  test('SIGTERM: it exits in time, and the order is due again at once', async () => {
    const event = paidEvent();
    await using stopped = await spawnBusy(event);
    const begin = performance.now();
    stopped.kill('SIGTERM');
    expect(await stopped.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - begin).toBeLessThan(10_000);
    const released = await workFor(event);
    expect(released).toMatchObject({ status: 'pending', attempts: 1 });
    expect(released.due_in).toBeLessThanOrEqual(0);

    await using _heir = await spawnService(env);
    await fulfilled(event);
    await expectOneOrderInTwoAttempts(event);
  });
});

describe('SIGKILL between the arrival of an event and its commit', () => {
  const everyOrderLocked = (trx: Knex.Transaction) => trx.raw('lock table orders');
  const itsEventBeingWritten = (trx: Knex.Transaction, { id, type }: EventJson) =>
    trx('stripe_events').insert({ id, type, livemode: false, created_at: trx.fn.now(), outcome: 'ignored' });
  const breakOff = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;

  test.each([
    ['nothing is written yet, and PostgreSQL goes on', everyOrderLocked, 'select'],
    ['the order is written, its event is not, and PostgreSQL notices', itsEventBeingWritten, breakOff],
  ])('%s: all is kept or nothing, and the redelivery makes one order of it', async (_when, take, end) => {
    const event = paidEvent();
    await using killed = await spawnService(env);
    await using held = await hold(db, (trx) => take(trx, event));
    const delivery = deliver(killed.url, event);
    await untilWaiting(db, 'web', 1);
    killed.kill('SIGKILL');
    await expect(delivery).rejects.toThrow('fetch failed');
    await db.raw(end);
    await held.release();
    await until('the statement ends', async () => (await connectionsOf(db, 'web')).length === 0);

    const { events, orders, transitions, fulfillments } = await contentsOf(db);
    const kept = [events, orders, transitions, fulfillments].map((rows) => rows.length);
    expect([
      [0, 0, 0, 0],
      [1, 1, 1, 1],
    ]).toContainEqual(kept);

    await using heir = await spawnService(env);
    expect(await deliver(heir.url, event)).toBe(200);
    await fulfilled(event);
    expect(callsFor(event)).toHaveLength(1);
    expect(await contentsOf(db)).toMatchObject({
      events: [{ id: event.id, outcome: 'applied' }],
      orders: [{ checkout_session_id: sessionOf(event), status: 'paid' }],
      transitions: [{ event_id: event.id, to_status: 'paid' }],
      fulfillments: [{ event_id: event.id, attempts: 1 }],
    });
  });
});
