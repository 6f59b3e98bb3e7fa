import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { fulfillments as queue } from '../../src/fulfillment/fulfill.ts';
import { AttemptFailed } from '../../src/work/attempt.ts';
import type { Claim } from '../../src/work/queue.ts';
import { startWorker, type Worker } from '../../src/work/worker.ts';
import { createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';
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

function start(perform: Perform, { concurrency = 10, maxAttempts = 12, load = asClaimed } = {}): Worker {
  const worker = startWorker({ db, queue, load, perform, concurrency, maxAttempts, log: silent });
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

test('a backlog stays in the table: no more is claimed than five times what is attempted', async () => {
  await owe(100);
  start(() => new Promise(() => {}), { concurrency: 3 });
  const claimed = () => db('fulfillments').where('attempts', '>', 0);
  await until('as many are claimed', async () => (await claimed()).length === 15);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await claimed()).toHaveLength(15);
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

  test('waits as long as the receiver asked', async () => {
    const [order = 0] = await owe(1);
    start(async () => {
      throw new AttemptFailed('busy', { retryAfterMs: 7_200_000 });
    });
    const row = await until('the failure is written', async () => {
      const row = await rowOf(order);
      return row.last_error && row;
    });
    const hours = (row.next_attempt_at - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(1.9);
    expect(hours).toBeLessThan(2.1);
  });

  test.each([
    ['the attempts are used up', 1, new Error('no')],
    ['no further one can succeed', 12, new AttemptFailed('no', { final: true })],
  ])('is the last when %s', async (_case, maxAttempts, error) => {
    const [order = 0] = await owe(1);
    start(
      async () => {
        throw error;
      },
      { maxAttempts },
    );
    await until('it is dead', async () => (await rowOf(order)).status === 'dead');
    expect(await rowOf(order)).toMatchObject({ attempts: 1, last_error: 'no', next_attempt_at: null });
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
    finish();
    await stopped;
    expect(await rowOf(order)).toMatchObject({ status: 'fulfilled' });
  });

  test('gives back what was claimed and not begun', async () => {
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

test('what was done is written once the database takes it again', async () => {
  const [order = 0] = await owe(1);
  await db.raw(`
    create sequence refusals;
    create function refuse_twice() returns trigger language plpgsql as $$
    begin if nextval('refusals') <= 2 then raise 'away'; end if; return new; end $$;
    create trigger refuse_twice before update on fulfillments for each row
      when (new.status = 'fulfilled') execute function refuse_twice();
  `);
  let attempts = 0;
  start(async () => {
    attempts += 1;
  });
  await until('it is fulfilled', async () => (await rowOf(order)).status === 'fulfilled');
  expect(attempts).toBe(1);
});
