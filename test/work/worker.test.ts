import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Knex } from '../../src/db/knex.ts';
import { fulfillments as queue } from '../../src/fulfillment/fulfill.ts';
import { AttemptFailed } from '../../src/work/attempt.ts';
import type { Claim } from '../../src/work/queue.ts';
import { startWorker, type Worker } from '../../src/work/worker.ts';
import { createTestDatabase } from '../support/database.ts';
import { recordingLog, silent } from '../support/log.ts';
import { until } from '../support/until.ts';

const { db } = await createTestDatabase();
let workers: Worker[] = [];
let sessions = 0;

beforeEach(() => db('fulfillments').del());
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop(0)));
  workers = [];
});

async function owe(count: number): Promise<number[]> {
  const rows = Array.from({ length: count }, () => {
    sessions += 1;
    return {
      checkout_session_id: `cs_${sessions}`,
      status: 'paid',
      payment_status: 'paid',
      mode: 'payment',
      livemode: false,
      paid_at: new Date(),
    };
  });
  const orders = await db('orders').insert(rows).returning('id');
  await db('fulfillments').insert(orders.map(({ id }) => ({ order_id: id })));
  return orders.map(({ id }) => id);
}

type Perform = (row: Claim, signal: AbortSignal) => Promise<void>;

const asClaimed = async (rows: readonly Claim[]) => rows;
const sessionOf = ({ order_id }: Claim) => `cs_${order_id}`;

function start(
  perform: Perform,
  { concurrency = 10, maxAttempts = 12, load = asClaimed, log = silent } = {},
): Worker {
  const worker = startWorker({
    db,
    queue,
    load,
    sessionOf,
    perform,
    concurrency: () => concurrency,
    maxAttempts,
    log,
  });
  workers.push(worker);
  return worker;
}

const rowOf = (orderId: number) => db('fulfillments').where({ order_id: orderId }).first();
const statusesOf = async () => (await db('fulfillments').select('status')).map(({ status }) => status);

test('attempts all that is owed, each once, never more at a time than allowed', async () => {
  const orders = await owe(200);
  const attempted: number[] = [];
  let now = 0;
  let most = 0;
  start(
    async ({ order_id }) => {
      attempted.push(order_id);
      now += 1;
      most = Math.max(most, now);
      await new Promise(setImmediate);
      now -= 1;
    },
    { concurrency: 7 },
  );
  await until('all are fulfilled', async () =>
    (await statusesOf()).every((status) => status === 'fulfilled'),
  );
  expect(attempted.toSorted((a, b) => a - b)).toEqual(orders);
  expect(most).toBe(7);
});

test('is behind while more is due than it has room for', async () => {
  const ends: (() => void)[] = [];
  const worker = start(() => new Promise((resolve) => ends.push(resolve)), { concurrency: 2 });
  await owe(1);
  worker.wake();
  await until('it is attempted', () => ends.length === 1);
  expect(worker.isBehind()).toBe(false);

  await owe(15);
  worker.wake();
  await until('there is no room for all', () => worker.isBehind());
  await until('there is', () => {
    ends.shift()?.();
    return !worker.isBehind();
  });
});

test('two workers share the work: each order is attempted once', async () => {
  const orders = await owe(200);
  const attempted: number[] = [];
  const perform: Perform = async ({ order_id }) => {
    attempted.push(order_id);
  };
  start(perform);
  start(perform);
  await until('all are fulfilled', async () =>
    (await statusesOf()).every((status) => status === 'fulfilled'),
  );
  expect(attempted.toSorted((a, b) => a - b)).toEqual(orders);
});

/** For longer than what was read with a claim is taken as it is. */
async function untilStale(): Promise<void> {
  const since = performance.now();
  await until('more than a second has gone by', () => performance.now() - since > 1_100);
}

test('what has waited for its attempt is read again: it may have changed meanwhile', async () => {
  await owe(2);
  const reads: number[] = [];
  const ends: (() => void)[] = [];
  const load = async (rows: readonly Claim[]) => {
    reads.push(rows.length);
    return rows;
  };
  start(() => new Promise((resolve) => ends.push(resolve)), { concurrency: 1, load });
  await until('the first has begun', () => ends.length === 1);
  await untilStale();
  expect(reads).toEqual([2]);
  ends[0]?.();
  await until('the second has begun', () => ends.length === 2);
  expect(reads).toEqual([2, 1]);
});

test('what begins side by side is read again together, and alone where that fails', async () => {
  await owe(10);
  const reads: number[] = [];
  const ends: (() => void)[] = [];
  const load = async (rows: readonly Claim[]) => {
    reads.push(rows.length);
    await statusesOf();
    if (rows.length === 4) throw new Error('one of them is unreadable');
    return rows;
  };
  start(() => new Promise((resolve) => ends.push(resolve)), { concurrency: 5, load });
  await until('five have begun', () => ends.length === 5);
  await untilStale();
  for (const end of ends.splice(0)) end();
  await until('they have begun', () => ends.length === 5);
  expect(reads).toEqual([10, 1, 4, 1, 1, 1, 1]);
});

test('a backlog stays in the table: no more is claimed than five times what is attempted, nor one by one', async () => {
  await owe(100);
  const ends: (() => void)[] = [];
  const worker = start(() => new Promise((resolve) => ends.push(resolve)), { concurrency: 3 });
  const claimed = () => db('fulfillments').where('attempts', '>', 0);
  await until('as many are claimed', async () => (await claimed()).length === 15);
  ends[0]?.();
  await until('one is done', async () => (await statusesOf()).includes('fulfilled'));
  for (let i = 0; i < 20; i += 1) {
    worker.wake();
    expect(await claimed()).toHaveLength(15);
  }
  expect(worker.isBehind()).toBe(true);
});

test('a worker claims again once two rows a place would fit, and all that fit together', async () => {
  await owe(100);
  const ends: (() => void)[] = [];
  start(() => new Promise((resolve) => ends.push(resolve)), { concurrency: 3 });
  /** Statements that claimed what is attempted or waits now. */
  const claims = async () => {
    const rows = await db('fulfillments')
      .where({ status: 'pending' })
      .where('attempts', '>', 0)
      .select(db.raw('xmin::text'));
    return new Set(rows.map(({ xmin }) => xmin)).size;
  };
  for (let ended = 0; ended < 6; ended += 1) {
    await until('one more is attempted', () => ends.length > ended);
    ends[ended]?.();
    await until(
      'it is settled',
      async () => (await db('fulfillments').where({ status: 'fulfilled' })).length > ended,
    );
  }
  await until(
    'six more are claimed',
    async () => (await db('fulfillments').where('attempts', '>', 0)).length === 21,
  );
  expect(await claims()).toBe(2);
});

test('a backlog is worked off at once, not poll by poll', async () => {
  await owe(100);
  const begin = performance.now();
  start(async () => {}, { concurrency: 1 });
  await until('all are fulfilled', async () =>
    (await statusesOf()).every((status) => status === 'fulfilled'),
  );
  // By polls alone, five a second.
  expect(performance.now() - begin).toBeLessThan(15_000);
});

test('a worker that is woken looks at once, and one that is stopped stops: neither waits for its poll', async () => {
  const claimed: number[] = [];
  const load = async (rows: readonly Claim[]) => {
    claimed.push(rows.length);
    return rows;
  };
  const begin = performance.now();
  for (let i = 0; i < 10; i += 1) {
    const worker = start(async () => {}, { load });
    const [order = 0] = await owe(1);
    worker.wake();
    await until('it is fulfilled', async () => (await rowOf(order)).status === 'fulfilled');
    await worker.stop(0);
  }
  expect(performance.now() - begin).toBeLessThan(6_000);
  // Nothing is read where nothing was claimed.
  expect(Math.min(...claimed)).toBeGreaterThan(0);
});

test('whoever counts hears what became of each attempt, and how many seconds it took', async () => {
  const [slow = 0, failing = 0] = await owe(2);
  const heard: [string, number][] = [];
  const worker = startWorker({
    db,
    queue,
    load: asClaimed,
    sessionOf,
    perform: async ({ order_id }) => {
      if (order_id === failing) throw new Error('no');
      await new Promise((resolve) => setTimeout(resolve, 200));
    },
    concurrency: () => 2,
    maxAttempts: 1,
    onAttempt: (outcome, seconds) => void heard.push([outcome, seconds]),
    log: silent,
  });
  workers.push(worker);
  await until('both are heard of', () => heard.length === 2);
  expect((await rowOf(slow)).status).toBe('fulfilled');
  const seconds = Object.fromEntries(heard);
  expect(Object.keys(seconds).toSorted()).toEqual(['dead', 'done']);
  expect(seconds.done).toBeGreaterThanOrEqual(0.19);
  expect(seconds.done).toBeLessThan(20);
});

describe('one of a claim that', () => {
  const others = (orders: number[], poison: number) => orders.filter((order) => order !== poison);
  const fulfilledOrders = async () =>
    (await db('fulfillments').where({ status: 'fulfilled' }).orderBy('order_id')).map((row) => row.order_id);

  test('can not be read hurts only itself', async () => {
    const orders = await owe(5);
    const poison = orders[2] as number;
    const load = async (rows: readonly Claim[]) => {
      if (rows.some(({ order_id }) => order_id === poison)) throw new Error('unreadable');
      return rows;
    };
    start(async () => {}, { load });
    await until('the others are fulfilled', async () => (await fulfilledOrders()).length === 4);
    expect(await fulfilledOrders()).toEqual(others(orders, poison));
    await until('its failure is written', async () => (await rowOf(poison)).last_error !== null);
    expect(await rowOf(poison)).toMatchObject({ status: 'pending', attempts: 1, last_error: 'unreadable' });
  });

  test('can not be read, and waits, is an error of its own attempt and of nothing else', async () => {
    const [first = 0, poison = 0] = await owe(2);
    await db('fulfillments')
      .where({ order_id: first })
      .update({ next_attempt_at: new Date(0) });
    const load = async (rows: readonly Claim[]) => {
      if (rows.some(({ order_id }) => order_id === poison)) throw new Error('unreadable');
      return rows;
    };
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: end, resolve: finish } = Promise.withResolvers<void>();
    start(
      () => {
        begin();
        return end;
      },
      { load, concurrency: 1 },
    );
    await begun;
    for (let i = 0; i < 10; i += 1) await rowOf(poison);
    finish();
    await until('its failure is written', async () => (await rowOf(poison)).last_error === 'unreadable');
    await until('the first is fulfilled', async () => (await fulfilledOrders()).includes(first));
  });

  test('has used up its attempts is not attempted but dead, and that is said', async () => {
    const [dead = 0, alive = 0] = await owe(2);
    await db('fulfillments').where({ order_id: dead }).update({ attempts: 12 });
    const attempted: number[] = [];
    const { log, lines } = recordingLog();
    start(async ({ order_id }) => void attempted.push(order_id), { log });
    await until('the other is fulfilled', async () => (await fulfilledOrders()).length === 1);
    expect(attempted).toEqual([alive]);
    expect(await rowOf(dead)).toMatchObject({ status: 'dead' });
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { queue: 'fulfillments', order_id: dead, attempt: 12 },
    ]);
  });

  test('can not be settled hurts only itself', async () => {
    const orders = await owe(5);
    const poison = orders[2] as number;
    await db.raw(`
      create function refuse_poison() returns trigger language plpgsql as $$
      begin raise 'poison'; end $$;
      create trigger refuse_poison before update on fulfillments for each row
        when (new.status = 'fulfilled' and new.order_id = ${poison}) execute function refuse_poison();
    `);
    // All end at once, and so share a statement but for the first.
    let begun = 0;
    const { promise: together, resolve: end } = Promise.withResolvers<void>();
    start(() => {
      begun += 1;
      if (begun === 5) end();
      return together;
    });
    await until('the others are fulfilled', async () => (await fulfilledOrders()).length === 4);
    expect(await fulfilledOrders()).toEqual(others(orders, poison));
    expect(await rowOf(poison)).toMatchObject({ status: 'pending', attempts: 1 });
    await db.raw('drop trigger refuse_poison on fulfillments');
    await until('it is fulfilled as well', async () => (await fulfilledOrders()).length === 5);
  });

  test('lost its lease meanwhile leaves the outcome of the others', async () => {
    const orders = await owe(5);
    const lost = orders[2] as number;
    let begun = 0;
    start(async () => {
      begun += 1;
      await until('all have begun', () => begun === 5);
      await db('fulfillments').where({ order_id: lost, attempts: 1 }).update({ attempts: 2 });
    });
    await until('the others are fulfilled', async () => (await fulfilledOrders()).length === 4);
    expect(await fulfilledOrders()).toEqual(others(orders, lost));
    expect(await rowOf(lost)).toMatchObject({ status: 'pending', attempts: 2, last_error: null });
  });
});

test('work that can not be claimed is asked for again, poll by poll, and that is said', async () => {
  const [order = 0] = await owe(1);
  await db.raw('alter table fulfillments rename to away');
  const { log, lines } = recordingLog();
  try {
    start(async () => {}, { log });
    await until('it says so', () => lines.length > 0);
    for (let i = 0; i < 10; i += 1) await db.raw('select 1');
  } finally {
    await db.raw('alter table away rename to fulfillments');
  }
  expect(lines.length).toBeLessThan(5);
  expect(lines[0]).toMatchObject({
    level: 'warn',
    queue: 'fulfillments',
    reason: expect.stringContaining('fulfillments'),
  });
  await until('it is fulfilled', async () => (await rowOf(order)).status === 'fulfilled');
});

describe('a failed attempt', () => {
  test('is tried again later, and fulfilled when it succeeds', async () => {
    const [order = 0] = await owe(1);
    let attempts = 0;
    start(async () => {
      attempts += 1;
      if (attempts < 3) throw new Error(`no. ${attempts}`);
    });
    const first = await until('the first failure is written', async () => {
      const row = await rowOf(order);
      return row.last_error && row;
    });
    expect(first).toMatchObject({ status: 'pending', attempts: 1, last_error: 'no. 1' });
    await until('it is fulfilled', async () => (await rowOf(order)).status === 'fulfilled');
    expect(await rowOf(order)).toMatchObject({ attempts: 3, last_error: null });
  });

  test('that gives no reason is one all the same', async () => {
    const [order = 0] = await owe(1);
    start(() => Promise.reject(undefined));
    await until('the failure is written', async () => (await rowOf(order)).last_error === 'unknown');
  });
});

describe('stop', () => {
  test('lets an attempt end that ends in time', async () => {
    const [order = 0] = await owe(1);
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: end, resolve: finish } = Promise.withResolvers<void>();
    const worker = start(() => {
      begin();
      return end;
    });
    await begun;
    const stopped = worker.stop(60_000);
    // Time enough for a stop that would not wait.
    for (let i = 0; i < 10; i += 1) await rowOf(order);
    finish();
    await stopped;
    expect(await rowOf(order)).toMatchObject({ status: 'fulfilled' });
  });

  test('gives back what was claimed and not begun, and does not count it', async () => {
    await owe(5);
    let attempted = 0;
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const worker = start(
      () => {
        attempted += 1;
        begin();
        return new Promise(() => {});
      },
      { concurrency: 1 },
    );
    await begun;
    await until(
      'all are claimed',
      async () => (await db('fulfillments').where({ attempts: 1 })).length === 5,
    );
    await worker.stop(0);
    expect(attempted).toBe(1);
    expect(await db('fulfillments').where('next_attempt_at', '>', db.fn.now())).toEqual([]);
    const counted = (await db('fulfillments')).map(({ attempts }) => attempts as number);
    expect(counted.toSorted()).toEqual([0, 0, 0, 0, 1]);
  });

  test('breaks the others off and gives them back at once', async () => {
    const [order = 0] = await owe(1);
    const { promise: begun, resolve: begin } = Promise.withResolvers<AbortSignal>();
    const worker = start((_row, signal) => {
      begin(signal);
      return new Promise(() => {});
    });
    const signal = await begun;
    await worker.stop(0);
    expect(signal.aborted).toBe(true);
    const row = await rowOf(order);
    expect(row).toMatchObject({ status: 'pending', attempts: 1 });
    expect(row.next_attempt_at.getTime()).toBeLessThanOrEqual(Date.now());

    start(async () => {});
    await until('another worker takes it up', async () => (await rowOf(order)).status === 'fulfilled');
  });
});

test('a stop does not count a last attempt that it breaks off: the order is not dead', async () => {
  const [order = 0] = await owe(1);
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const worker = start(
    () => {
      begin();
      return new Promise(() => {});
    },
    { maxAttempts: 1 },
  );
  await begun;
  await worker.stop(0);
  start(async () => {}, { maxAttempts: 1 });
  await until('another worker takes it up', async () => (await rowOf(order)).status === 'fulfilled');
});

describe('a lease', () => {
  type Faked = 'performance' | 'setInterval' | 'clearInterval';
  const all = [
    'Date',
    'hrtime',
    'nextTick',
    'performance',
    'queueMicrotask',
    'setImmediate',
    'clearImmediate',
    'setInterval',
    'clearInterval',
    'setTimeout',
    'clearTimeout',
  ] as const;
  /** From here on, this much of the process's clock is the test's: the database and all else keep real time. */
  const fakeClock = (...faked: Faked[]) =>
    jest.useFakeTimers({ doNotFake: all.filter((name) => !faked.includes(name as Faked)) });
  const tick = (seconds: number) => void jest.advanceTimersByTime(seconds * 1_000);

  /** Attempts that end when told, by their orders. */
  function attempts() {
    const begun: number[] = [];
    const signals: AbortSignal[] = [];
    const ends: (() => void)[] = [];
    const perform: Perform = ({ order_id }, signal) => {
      begun.push(order_id);
      signals.push(signal);
      return new Promise((resolve) => ends.push(resolve));
    };
    return { begun, signals, ends, perform };
  }

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
  const nearlyOver = () =>
    db('fulfillments').update({ next_attempt_at: db.raw(`now() + interval '1 second'`) });
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
    const orders = await oweInTurn(3);
    const { begun, ends, perform } = attempts();
    start(perform, { concurrency: 1 });
    await claimed(3);
    await until('the first has begun', () => begun.length === 1);
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
    expect((await rowOf(orders[0] as number)).next_attempt_at.getTime()).toBeLessThan(Date.now() + 5_000);
  });

  test('that was lost ends its attempt, whose place is free at once, and leaves the row to others', async () => {
    fakeClock('setInterval', 'clearInterval');
    const [lost = 0, lostInLine = 0, last = 0] = await oweInTurn(3);
    const { begun, signals, perform } = attempts();
    const { log, lines } = recordingLog();
    start(perform, { concurrency: 1, log });
    await claimed(3);
    await until('the first has begun', () => begun.length === 1);
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
    const other = await db.transaction();
    await other('fulfillments').where({ order_id: locked }).forUpdate();
    await db('fulfillments')
      .where({ order_id: free })
      .update({ next_attempt_at: db.raw(`now() + interval '1 second'`) });
    tick(10);
    await until('the other is renewed', async () => (await dueIn()).filter((s) => s > 20).length === 2);
    const isAborted = () => Object.fromEntries(begun.map((order, i) => [order, signals[i]?.aborted]));
    expect(isAborted()).toEqual({ [locked]: false, [free]: false });
    tick(10);
    await until('the locked one is over', () => isAborted()[locked] === true);
    expect(isAborted()[free]).toBe(false);
    await other.rollback();
  });

  test('is left alone once the outcome is being written: no renewal and no stop shortens a pause', async () => {
    fakeClock('setInterval', 'clearInterval');
    const [order = 0] = await owe(1);
    const { promise: end, reject: fail } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const worker = start(() => {
      begin();
      return end;
    });
    await begun;
    // What comes later than the outcome stands behind it.
    const other = await db.transaction();
    await other.raw('lock table fulfillments in exclusive mode');
    fail(new AttemptFailed('busy', { retryAfterMs: 3_600_000 }));
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
    const [order = 0] = await owe(1);
    const { promise: end, reject: fail } = Promise.withResolvers<void>();
    let begun = false;
    const worker = start(() => {
      begun = true;
      return end;
    });
    worker.wake();
    await until('it has begun', () => begun);
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
    fail(new AttemptFailed('busy', { retryAfterMs: 3_600_000 }));
    for (let i = 0; i < 10; i += 1) expect(await isWaiting(other, 'failed as (')).toBe(false);
    await other.commit();
    expect(await pauseOf(order)).toBeGreaterThan(59);
  });

  test('that can not be renewed ends its attempt when it is over, and not before', async () => {
    fakeClock('performance', 'setInterval', 'clearInterval');
    const [order = 0] = await owe(1);
    const { begun, signals, perform } = attempts();
    const { log, lines } = recordingLog();
    start(perform, { log });
    await until('it has begun', () => begun.length === 1);
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
    const [order = 0] = await owe(1);
    const { begun, signals, perform } = attempts();
    const { log, lines } = recordingLog();
    start(perform, { log });
    await until('it has begun', () => begun.length === 1);
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
    const [first = 0, second = 0] = await oweInTurn(2);
    const { begun, ends, perform } = attempts();
    start(perform, { concurrency: 1 });
    await claimed(2);
    await until('the first has begun', () => begun.length === 1);
    tick(20);
    ends[0]?.();
    await until('its outcome is written', async () => (await rowOf(first)).status === 'fulfilled');
    expect(begun).toEqual([first]);
    expect(await rowOf(second)).toMatchObject({ status: 'pending', attempts: 1, last_error: null });

    await db('fulfillments').where({ order_id: second }).update({ next_attempt_at: db.fn.now() });
    await until('it is claimed anew', () => begun.length === 2);
    expect(begun).toEqual([first, second]);
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
    await until('all is done', async () => (await statusesOf()).every((status) => status === 'fulfilled'));
    expect(await rowOf(other)).toMatchObject({ attempts: 1 });
  });

  test('that can not be given back ends by itself, and that is said', async () => {
    await oweInTurn(2);
    const { begun, perform } = attempts();
    const { log, lines } = recordingLog();
    const worker = start(perform, { concurrency: 1, log });
    await claimed(2);
    await until('the first has begun', () => begun.length === 1);
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
    await oweInTurn(2);
    const { begun, perform } = attempts();
    const worker = start(perform, { concurrency: 1 });
    await claimed(2);
    await until('the first has begun', () => begun.length === 1);
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
    const worker = start(async () => {});
    await until('it has claimed', () => asked.length > 0);
    tick(10);
    for (let i = 0; i < 20; i += 1) await statusesOf();
    await worker.stop(0);
    db.removeListener('query', hear);
    const own = asked.filter((sql) => !sql.startsWith('select "status"'));
    expect(own.filter((sql) => !sql.startsWith('with suspect'))).toEqual([]);
    expect(own.length).toBeLessThan(5);
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

test('a worker that stops does not wait for a database that takes no outcome', async () => {
  await owe(1);
  await db.raw(`
    create function refuse_outcome() returns trigger language plpgsql as $$ begin raise 'away'; end $$;
    create trigger refuse_outcome before update on fulfillments for each row
      when (new.status = 'fulfilled') execute function refuse_outcome();
  `);
  const { log, lines } = recordingLog();
  const worker = start(async () => {}, { log });
  await until('it is refused', () => lines.length > 0);
  const begin = performance.now();
  await worker.stop(30_000);
  expect(performance.now() - begin).toBeLessThan(15_000);
  await db.raw('drop function refuse_outcome cascade');
});
