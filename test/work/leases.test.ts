import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { Knex } from '../../src/db/knex.ts';
import { fulfillments } from '../../src/fulfillment/fulfill.ts';
import { AttemptFailed } from '../../src/work/attempt.ts';
import { settleByHand } from '../../src/work/by-hand.ts';
import { fakeClock, tick } from '../support/fake-clock.ts';
import { recordingLog } from '../support/log.ts';
import { until } from '../support/until.ts';
import { attempts, openWorkshop } from '../support/workshop.ts';

const { db, owe, start, beginOne, rowOf, statusesOf, untilAllAreFulfilled } = await openWorkshop();

describe('a lease', () => {
  /** Orders that are due one after the other. */
  async function oweInTurn(count: number): Promise<number[]> {
    const orders = await owe(count);
    for (const [i, order_id] of orders.entries()) {
      await db('fulfillments')
        .where({ order_id })
        .update({ next_attempt_at: new Date(i) });
    }
    return orders;
  }

  const claimed = (count: number) =>
    until(
      'they are claimed',
      async () => (await db('fulfillments').where('attempts', '>', 0)).length === count,
    );
  /** Orders of one worker, which attempts the first and holds the others in line. */
  async function beginFirstOf(count: number, options?: Parameters<typeof start>[1]) {
    const orders = await oweInTurn(count);
    const attempt = attempts();
    const worker = start(attempt.perform, { ...options, concurrency: 1 });
    await claimed(count);
    await until('the first has begun', () => attempt.begun.length === 1);
    return { orders, worker, ...attempt };
  }
  /** Less than a renewal gives, and enough that a busy machine renews it before it is over, and claimed anew. */
  const nearlyOver = () =>
    db('fulfillments').update({ next_attempt_at: db.raw(`now() + interval '10 seconds'`) });
  const dueIn = async () =>
    (await db('fulfillments').select(db.raw('extract(epoch from next_attempt_at - now())::float8 as s'))).map(
      ({ s }) => s as number,
    );
  /** In minutes, once the failure is written. */
  const pauseOf = async (order: number) => {
    const { next_attempt_at } = await until('the failure is written', async () => {
      const row = await rowOf(order);
      return row.last_error && row;
    });
    return (next_attempt_at - Date.now()) / 60_000;
  };
  /** Whether a statement with this part waits for a lock that the transaction may hold. */
  const isWaiting = async (trx: Knex.Transaction, part: string) => {
    // Else a transaction goes on seeing what it saw first.
    await trx.raw('select pg_stat_clear_snapshot()');
    const { rows } = await trx.raw(
      `select query from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows.some(({ query }: { query: string }) => query.includes(part));
  };
  /** No lease can be renewed, while all else can be written. */
  const refuseToRenew = () =>
    db.raw(`
      create function refuse_to_renew() returns trigger language plpgsql as $$ begin raise 'away'; end $$;
      create trigger refuse_to_renew before update on fulfillments for each row
        when (new.status = 'pending' and new.attempts = old.attempts and new.last_error is null)
        execute function refuse_to_renew();
    `);
  afterEach(async () => {
    jest.useRealTimers();
    await db.raw('drop function if exists refuse_to_renew, wait_to_renew cascade');
  });

  test('is renewed every 10 s, of what is attempted and of what waits; not of what is done', async () => {
    fakeClock('setInterval', 'clearInterval');
    const { orders, begun, ends } = await beginFirstOf(3);
    ends[0]?.();
    await until('the second has begun', () => begun.length === 2);
    await until(
      'the first is settled',
      async () => (await rowOf(orders[0] as number)).status === 'fulfilled',
    );
    await db('fulfillments')
      .where({ order_id: orders[0] })
      .update({ status: 'pending', fulfilled_at: null, next_attempt_at: db.fn.now() });
    await nearlyOver();
    tick(10);
    await until('the other two are renewed', async () => (await dueIn()).filter((s) => s > 20).length === 2);
    expect((await rowOf(orders[0] as number)).next_attempt_at.getTime()).toBeLessThan(Date.now() + 10_000);
  });

  test('that was lost ends its attempt, whose place is free at once, and leaves the row to others', async () => {
    fakeClock('setInterval', 'clearInterval');
    const { log, lines } = recordingLog();
    const { orders, begun, signals } = await beginFirstOf(3, { log });
    const [lost = 0, lostInLine = 0, last = 0] = orders;
    await db('fulfillments').whereIn('order_id', [lost, lostInLine]).update({ attempts: 2 });
    const before = [await rowOf(lost), await rowOf(lostInLine)];
    tick(10);
    await until('another is attempted', () => begun.length === 2);
    expect(begun).toEqual([lost, last]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect([await rowOf(lost), await rowOf(lostInLine)]).toEqual(before);
    expect(lines).toEqual([]);
  });

  test('whose row somebody has locked costs no other its lease', async () => {
    fakeClock('performance', 'setInterval', 'clearInterval');
    const [locked = 0, free = 0] = await owe(2);
    const { begun, signals, perform } = attempts();
    start(perform);
    await until('both have begun', () => begun.length === 2);
    await nearlyOver();
    const other = await db.transaction();
    await other('fulfillments').where({ order_id: locked }).forUpdate();
    tick(10);
    await until('the other is renewed', async () => (await dueIn()).filter((s) => s > 20).length === 1);
    const isAborted = () => Object.fromEntries(begun.map((order, i) => [order, signals[i]?.aborted]));
    expect(isAborted()).toEqual({ [locked]: false, [free]: false });
    tick(10);
    await until('the locked one is over', () => isAborted()[locked] === true);
    expect(isAborted()[free]).toBe(false);
    await other.rollback();
  });

  test('is left alone once the outcome is being written: no renewal and no stop shortens a pause', async () => {
    fakeClock('setInterval', 'clearInterval');
    const { order, worker, fails } = await beginOne();
    // What comes later than the outcome stands behind it.
    const other = await db.transaction();
    await other.raw('lock table fulfillments in exclusive mode');
    fails[0]?.(new AttemptFailed('busy', { retryAfterMs: 3_600_000 }));
    await until('the outcome is being written', () => isWaiting(other, 'failed as ('));
    tick(10);
    const stopped = worker.stop(0);
    for (let i = 0; i < 10; i += 1) expect(await isWaiting(other, 'renewed as')).toBe(false);
    await other.commit();
    await stopped;
    expect(await pauseOf(order)).toBeGreaterThan(59);
  });

  test('is renewed before the outcome of its attempt is written, never after', async () => {
    fakeClock('setInterval', 'clearInterval');
    const { order, fails } = await beginOne();
    // The renewal waits in the middle.
    await db.raw(`
      create function wait_to_renew() returns trigger language plpgsql as $$
      begin perform pg_advisory_xact_lock(1); return new; end $$;
      create trigger wait_to_renew before update on fulfillments for each statement execute function wait_to_renew();
    `);
    const other = await db.transaction();
    await other.raw('select pg_advisory_xact_lock(1)');
    tick(10);
    await until('it is being renewed', () => isWaiting(other, 'renewed as'));
    fails[0]?.(new AttemptFailed('busy', { retryAfterMs: 3_600_000 }));
    for (let i = 0; i < 10; i += 1) expect(await isWaiting(other, 'failed as (')).toBe(false);
    await other.commit();
    expect(await pauseOf(order)).toBeGreaterThan(59);
  });

  test('that can not be renewed ends its attempt when it is over, and not before', async () => {
    fakeClock('performance', 'setInterval', 'clearInterval');
    const { log, lines } = recordingLog();
    const { order, signals } = await beginOne({ log });
    await refuseToRenew();
    tick(10);
    await until('that is said', () => lines.length === 1);
    expect(signals[0]?.aborted).toBe(false);
    // The database may have given no more than 20 s.
    tick(10);
    await until('it is broken off', () => signals[0]?.aborted === true);
    expect(lines).toMatchObject(Array(2).fill({ level: 'warn', reason: expect.stringContaining('away') }));
    for (let i = 0; i < 10; i += 1) {
      expect(await rowOf(order)).toMatchObject({ status: 'pending', attempts: 1, last_error: null });
    }
  });

  test('that is renewed counts from then on', async () => {
    fakeClock('performance', 'setInterval', 'clearInterval');
    const { log, lines } = recordingLog();
    const { order, signals } = await beginOne({ log });
    await nearlyOver();
    tick(10);
    await until('it is renewed', async () => (await dueIn()).every((s) => s > 20));
    await rowOf(order);
    await refuseToRenew();
    for (const round of [1, 2]) {
      tick(10);
      await until('it can not be renewed again', () => lines.length === round);
    }
    expect(signals[0]?.aborted).toBe(false);
  });

  test('that ended while its row waited lets no attempt begin', async () => {
    fakeClock('performance');
    const { orders, begun, ends } = await beginFirstOf(2);
    const [first = 0, second = 0] = orders;
    tick(20);
    ends[0]?.();
    await until('its outcome is written', async () => (await rowOf(first)).status === 'fulfilled');
    expect(begun).toEqual([first]);
    expect(await rowOf(second)).toMatchObject({ status: 'pending', attempts: 1, last_error: null });

    await db('fulfillments').where({ order_id: second }).update({ next_attempt_at: db.fn.now() });
    await until('it is claimed anew', () => begun.length === 2);
    expect(begun).toEqual([first, second]);
  });

  test('whose row was closed while it waited lets no attempt begin', async () => {
    fakeClock('performance');
    const { log, lines } = recordingLog();
    const { orders, begun, ends } = await beginFirstOf(3, { log });
    const [first = 0, closed = 0, last = 0] = orders;
    await settleByHand(db, fulfillments, closed);
    const before = await rowOf(closed);
    tick(2);
    ends[0]?.();
    await until('another has begun', () => begun.length === 2);
    expect(begun).toEqual([first, last]);
    expect(await rowOf(closed)).toEqual(before);
    expect(lines.filter(({ level }) => level !== 'info')).toEqual([]);
  });

  test('that ended while the database took no outcome lets what was done be written, and not done again', async () => {
    fakeClock('performance');
    const { log, lines } = recordingLog();
    const { order, begun, ends, worker } = await beginOne({ log });
    await db.raw(`
      create function refuse_to_renew() returns trigger language plpgsql as $$
      begin raise 'away' using errcode = '57P03'; end $$;
      create trigger refuse_to_renew before update on fulfillments for each row
        when (new.status = 'fulfilled') execute function refuse_to_renew();
    `);
    ends[0]?.();
    await until('it can not be written', () => lines.length > 0);
    tick(30);
    await db('fulfillments').update({ next_attempt_at: db.fn.now() });
    const [next = 0] = await owe(1);
    worker.wake();
    await until('another is claimed meanwhile', () => begun.length === 2);
    await db.raw('drop function refuse_to_renew cascade');
    await until('it is written', async () => (await rowOf(order)).status === 'fulfilled');
    expect(begun).toEqual([order, next]);
    expect(await rowOf(order)).toMatchObject({ attempts: 1 });
  });

  test('taken anew by the same worker breaks the earlier attempt off, and no other, and goes on without it', async () => {
    const [order = 0, other = 0] = await oweInTurn(2);
    const { begun, signals, ends, perform } = attempts();
    const worker = start(perform, { concurrency: 2 });
    await until('both have begun', () => begun.length === 2);
    await db('fulfillments').where({ order_id: order }).update({ next_attempt_at: db.fn.now() });
    worker.wake();
    await until('it has begun again', () => begun.length === 3);
    expect(begun).toEqual([order, other, order]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, false]);
    for (const end of ends) end();
    await untilAllAreFulfilled();
    expect(await rowOf(other)).toMatchObject({ attempts: 1 });
  });

  test('that can not be given back ends by itself, and that is said', async () => {
    const { log, lines } = recordingLog();
    const { worker } = await beginFirstOf(2, { log });
    await db.raw(`
      create function refuse_to_renew() returns trigger language plpgsql as $$ begin raise 'away'; end $$;
      create trigger refuse_to_renew before update on fulfillments for each row
        when (new.attempts < old.attempts) execute function refuse_to_renew();
    `);
    await worker.stop(0);
    expect(lines).toMatchObject([{ level: 'warn', reason: expect.stringContaining('away') }]);
    expect((await dueIn()).every((s) => s > 0)).toBe(true);
  });

  test('that is being renewed when the worker stops is given back all the same', async () => {
    fakeClock('setInterval', 'clearInterval');
    const { worker } = await beginFirstOf(2);
    const other = await db.transaction();
    await other.raw('lock table fulfillments in exclusive mode');
    tick(10);
    await until('it is being renewed', () => isWaiting(other, 'renewed as'));
    const stopped = worker.stop(0);
    await db.raw('select 1');
    await other.commit();
    await stopped;
    expect((await dueIn()).every((s) => s <= 0)).toBe(true);
    expect((await db('fulfillments')).map(({ attempts }) => attempts).toSorted()).toEqual([0, 1]);
  });

  test('is no matter where nothing is held: an idle worker claims, poll by poll, and asks nothing else', async () => {
    fakeClock('setInterval', 'clearInterval');
    const asked: string[] = [];
    const hear = ({ sql }: { sql: string }) => void asked.push(sql);
    db.on('query', hear);
    const begin = performance.now();
    const worker = start(async () => {});
    await until('it has claimed', () => asked.length > 0);
    tick(10);
    for (let i = 0; i < 20; i += 1) await statusesOf();
    await worker.stop(0);
    db.removeListener('query', hear);
    const own = asked.filter((sql) => !sql.startsWith('select "status"'));
    expect(own.filter((sql) => !sql.startsWith('with suspect'))).toEqual([]);
    // The first, and one a second.
    expect(own.length).toBeLessThanOrEqual(2 + (performance.now() - begin) / 1_000);
  });

  test('is renewed no more once the worker has stopped', async () => {
    fakeClock('setInterval', 'clearInterval');
    const timers = jest.getTimerCount();
    const worker = start(async () => {});
    expect(jest.getTimerCount()).toBe(timers + 1);
    await worker.stop(0);
    expect(jest.getTimerCount()).toBe(timers);
  });
});
