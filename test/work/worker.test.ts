import { describe, expect, test } from '@jest/globals';
import { AttemptFailed } from '../../src/work/attempt.ts';
import type { Claim } from '../../src/work/queue.ts';
import { recordingLog } from '../support/log.ts';
import { until } from '../support/until.ts';
import { attempts, openWorkshop, type Perform, untilStale } from '../support/workshop.ts';

const { db, owe, start, beginOne, rowOf, statusesOf, untilAllAreFulfilled } = await openWorkshop();

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
  await untilAllAreFulfilled();
  expect(attempted.toSorted((a, b) => a - b)).toEqual(orders);
  expect(most).toBe(7);
});

test('is behind while more is due than it has room for', async () => {
  const { ends, perform } = attempts();
  const worker = start(perform, { concurrency: 2 });
  await owe(1);
  worker.wake();
  await until('it is attempted', () => ends.length === 1);
  expect(worker.behindMs()).toBe(0);

  await owe(25);
  worker.wake();
  await until('there is no room for all', () => worker.behindMs() > 0);
  await until('there is', () => {
    ends.shift()?.();
    return worker.behindMs() === 0;
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
  await untilAllAreFulfilled();
  expect(attempted.toSorted((a, b) => a - b)).toEqual(orders);
});

test('places that are added are filled with what is held already, though nothing more is due', async () => {
  await owe(5);
  let places = 1;
  const { begun, ends, perform } = attempts();
  start(perform, { places: () => places });
  await until('all are claimed', async () => (await db('fulfillments').where({ attempts: 1 })).length === 5);
  expect(begun).toHaveLength(1);
  places = 5;
  await until('all have begun', () => begun.length === 5);
  for (const end of ends) end();
});

test('without a place it claims nothing, however often it is woken; once it has one it begins', async () => {
  await owe(3);
  let places = 0;
  const claims: string[] = [];
  const listen = ({ sql }: { sql: string }) => {
    if (sql.includes('for update skip locked')) claims.push(sql);
  };
  db.on('query', listen);
  const { begun, ends, perform } = attempts();
  const worker = start(perform, { places: () => places });
  for (let i = 0; i < 20; i += 1) {
    worker.wake();
    await statusesOf();
  }
  db.off('query', listen);
  expect(claims).toEqual([]);
  expect(worker.behindMs()).toBeGreaterThan(0);
  places = 3;
  await until('all have begun', () => begun.length === 3);
  for (const end of ends) end();
});

test('of what may kill its process, one is attempted at a time, however long it takes', async () => {
  const [unsuspected = 0, ...suspects] = await owe(3);
  await db('fulfillments').where({ order_id: unsuspected }).update({ attempts: 2, attempts_lost: 2 });
  const due = (next_attempt_at: unknown) =>
    db('fulfillments')
      .whereIn('order_id', suspects)
      .update({ attempts: 3, attempts_lost: 3, next_attempt_at });
  await due(db.raw(`now() + interval '1 hour'`));
  const { begun, ends, perform } = attempts();
  const worker = start(perform);
  await until('one that is none has begun', () => begun.length === 1);
  await due(db.fn.now());
  worker.wake();
  await until('one of them has begun', () => begun.length === 2);
  for (let i = 0; i < 20; i += 1) {
    worker.wake();
    await statusesOf();
  }
  const [another = 0] = await owe(1);
  worker.wake();
  await until('another order has begun', () => begun.length === 3);
  expect([begun[0], begun[2]]).toEqual([unsuspected, another]);
  ends[1]?.();
  await until('the other one of them has begun', () => begun.length === 4);
  for (const end of ends) end();
  await untilAllAreFulfilled();
});

test('what has waited for its attempt is read again: it may have changed meanwhile', async () => {
  await owe(2);
  const reads: number[] = [];
  const { ends, perform } = attempts();
  const load = async (rows: readonly Claim[]) => {
    reads.push(rows.length);
    return rows;
  };
  start(perform, { concurrency: 1, load });
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
  const { ends, perform } = attempts();
  const load = async (rows: readonly Claim[]) => {
    reads.push(rows.length);
    await statusesOf();
    if (rows.length === 4) throw new Error('one of them is unreadable');
    return rows;
  };
  start(perform, { concurrency: 5, load });
  await until('five have begun', () => ends.length === 5);
  await untilStale();
  for (const end of ends.splice(0)) end();
  await until('they have begun', () => ends.length === 5);
  expect(reads).toEqual([10, 1, 4, 1, 1, 1, 1]);
});

test('a backlog stays in the table: no more is claimed than ten times what is attempted, nor one by one', async () => {
  await owe(100);
  const { ends, perform } = attempts();
  const worker = start(perform, { concurrency: 3 });
  const claimed = () => db('fulfillments').where('attempts', '>', 0);
  await until('as many are claimed', async () => (await claimed()).length === 30);
  ends[0]?.();
  await until('one is done', async () => (await statusesOf()).includes('fulfilled'));
  for (let i = 0; i < 20; i += 1) {
    worker.wake();
    expect(await claimed()).toHaveLength(30);
  }
  expect(worker.behindMs()).toBeGreaterThan(0);
});

test('a worker claims again once two rows a place would fit, and all that fit together', async () => {
  await owe(100);
  const { ends, perform } = attempts();
  start(perform, { concurrency: 3 });
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
    async () => (await db('fulfillments').where('attempts', '>', 0)).length === 36,
  );
  expect(await claims()).toBe(2);
});

test('a backlog is worked off at once, not poll by poll', async () => {
  await owe(100);
  const begin = performance.now();
  start(async () => {}, { concurrency: 1 });
  await untilAllAreFulfilled();
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
  // By polls alone, one a second.
  expect(performance.now() - begin).toBeLessThan(9_000);
  // Nothing is read where nothing was claimed.
  expect(Math.min(...claimed)).toBeGreaterThan(0);
});

test('whoever counts hears what became of each attempt, and how many seconds it took', async () => {
  const [slow = 0, failing = 0] = await owe(2);
  const heard: [string, number][] = [];
  start(
    async ({ order_id }) => {
      if (order_id === failing) throw new Error('no');
      await new Promise((resolve) => setTimeout(resolve, 200));
    },
    { concurrency: 2, maxAttempts: 1, onAttempt: (outcome, seconds) => void heard.push([outcome, seconds]) },
  );
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
    const { begun, ends, perform } = attempts();
    start(perform, { load, concurrency: 1 });
    await until('the first has begun', () => begun.length === 1);
    for (let i = 0; i < 10; i += 1) await rowOf(poison);
    ends[0]?.();
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
  const begin = performance.now();
  try {
    start(async () => {}, { log });
    await until('it says so', () => lines.length > 0);
    for (let i = 0; i < 10; i += 1) await db.raw('select 1');
  } finally {
    await db.raw('alter table away rename to fulfillments');
  }
  // The first, and one a second.
  expect(lines.length).toBeLessThanOrEqual(2 + (performance.now() - begin) / 1_000);
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
      // The second waits until the first has been looked at.
      if (attempts === 1) throw new AttemptFailed('no. 1', { retryAfterMs: 3_600_000 });
      if (attempts === 2) throw new Error('no. 2');
    });
    const first = await until('the first failure is written', async () => {
      const row = await rowOf(order);
      return row.last_error && row;
    });
    expect(first).toMatchObject({ status: 'pending', attempts: 1, last_error: 'no. 1' });
    await db('fulfillments').update({ next_attempt_at: db.fn.now() });
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
    const { order, worker, ends } = await beginOne();
    const stopped = worker.stop(60_000);
    // Time enough for a stop that would not wait.
    for (let i = 0; i < 10; i += 1) await rowOf(order);
    ends[0]?.();
    await stopped;
    expect(await rowOf(order)).toMatchObject({ status: 'fulfilled' });
  });

  test('gives back what was claimed and not begun, and does not count it', async () => {
    await owe(5);
    const { begun, perform } = attempts();
    const worker = start(perform, { concurrency: 1 });
    await until('the first has begun', () => begun.length === 1);
    await until(
      'all are claimed',
      async () => (await db('fulfillments').where({ attempts: 1 })).length === 5,
    );
    await worker.stop(0);
    expect(begun).toHaveLength(1);
    expect(await db('fulfillments').where('next_attempt_at', '>', db.fn.now())).toEqual([]);
    const counted = (await db('fulfillments')).map(({ attempts }) => attempts as number);
    expect(counted.toSorted()).toEqual([0, 0, 0, 0, 1]);
  });

  test('breaks the others off and gives them back at once', async () => {
    const { order, worker, signals } = await beginOne();
    await worker.stop(0);
    expect(signals[0]?.aborted).toBe(true);
    const row = await rowOf(order);
    expect(row).toMatchObject({ status: 'pending', attempts: 1 });
    expect(row.next_attempt_at.getTime()).toBeLessThanOrEqual(Date.now());

    start(async () => {});
    await until('another worker takes it up', async () => (await rowOf(order)).status === 'fulfilled');
  });
});

test('a stop does not count a last attempt that it breaks off: the order is not dead', async () => {
  const { order, worker } = await beginOne({ maxAttempts: 1 });
  await worker.stop(0);
  start(async () => {}, { maxAttempts: 1 });
  await until('another worker takes it up', async () => (await rowOf(order)).status === 'fulfilled');
});

describe('a worker that stops while the database takes no outcome', () => {
  /** Until the database takes it again. */
  async function refuseOutcomes() {
    await db.raw(`
      create function refuse_outcome() returns trigger language plpgsql as $$ begin raise 'away'; end $$;
      create trigger refuse_outcome before update on fulfillments for each row
        when (new.status = 'fulfilled') execute function refuse_outcome();
    `);
    return () => db.raw('drop function refuse_outcome cascade');
  }

  test('tries for as long as it may to write what was done meanwhile', async () => {
    const takeAgain = await refuseOutcomes();
    const { log, lines } = recordingLog();
    const { order, worker, ends } = await beginOne({ log });
    const stopped = worker.stop(60_000);
    ends[0]?.();
    await until('it is refused', () => lines.length > 0);
    await takeAgain();
    await stopped;
    expect(await rowOf(order)).toMatchObject({ status: 'fulfilled', attempts: 1 });
  });

  test('does not wait for it any longer', async () => {
    await owe(1);
    const takeAgain = await refuseOutcomes();
    const { log, lines } = recordingLog();
    const worker = start(async () => {}, { log });
    await until('it is refused', () => lines.length > 0);
    const begin = performance.now();
    await worker.stop(500);
    expect(performance.now() - begin).toBeLessThan(15_000);
    await takeAgain();
  });
});
