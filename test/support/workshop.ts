import { afterEach, beforeEach } from '@jest/globals';
import { fulfillments as queue } from '../../src/fulfillment/fulfill.ts';
import type { Claim } from '../../src/work/queue.ts';
import type { AttemptOutcome } from '../../src/work/settle.ts';
import { startWorker, type Worker } from '../../src/work/worker.ts';
import { createTestDatabase } from './database.ts';
import { silent } from './log.ts';
import { newId } from './new-id.ts';
import { until } from './until.ts';

export type Perform = (row: Claim, signal: AbortSignal) => Promise<void>;
export type Prepare = (row: Claim, signal: AbortSignal) => Promise<Claim>;

/** Fulfillments, none before each test, and workers at them, which end with the test that started them. */
export async function openWorkshop() {
  const { db } = await createTestDatabase();
  let workers: Worker[] = [];

  beforeEach(() => db('fulfillments').del());
  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.stop(0)));
    workers = [];
  });

  /** Orders that are due now. Their ids. */
  async function owe(count: number): Promise<number[]> {
    const rows = Array.from({ length: count }, () => ({
      checkout_session_id: newId('cs'),
      status: 'paid',
      payment_status: 'paid',
      mode: 'payment',
      livemode: false,
      paid_at: new Date(),
    }));
    const orders = await db('orders').insert(rows).returning('id');
    await db('fulfillments').insert(orders.map(({ id }) => ({ order_id: id })));
    return orders.map(({ id }) => id);
  }

  function start(
    perform: Perform,
    {
      concurrency = 10,
      places = () => concurrency,
      maxAttempts = 12,
      load = async (rows: readonly Claim[]) => rows,
      prepare = undefined as Prepare | undefined,
      onAttempt = (_outcome: AttemptOutcome, _seconds: number): void => {},
      log = silent,
    } = {},
  ): Worker {
    const worker = startWorker({
      db,
      queue,
      load,
      sessionOf: ({ order_id }) => `cs_${order_id}`,
      ...(prepare && { prepare }),
      perform,
      concurrency: places,
      maxAttempts,
      onAttempt,
      log,
    });
    workers.push(worker);
    return worker;
  }

  /** An order whose attempt has begun. */
  async function beginOne(options?: Parameters<typeof start>[1]) {
    const [order = 0] = await owe(1);
    const attempt = attempts();
    const worker = start(attempt.perform, options);
    await until('it has begun', () => attempt.begun.length === 1);
    return { order, worker, ...attempt };
  }

  const rowOf = (orderId: number) => db('fulfillments').where({ order_id: orderId }).first();
  const statusesOf = async () => (await db('fulfillments').select('status')).map(({ status }) => status);
  const untilAllAreFulfilled = () =>
    until('all are fulfilled', async () => (await statusesOf()).every((status) => status === 'fulfilled'));

  return { db, owe, start, beginOne, rowOf, statusesOf, untilAllAreFulfilled };
}

/** Attempts that end when told, in the order in which they have begun: by their orders. */
export function attempts() {
  const begun: number[] = [];
  const rows: Claim[] = [];
  const signals: AbortSignal[] = [];
  const ends: (() => void)[] = [];
  const fails: ((error: Error) => void)[] = [];
  const perform: Perform = (row, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    begun.push(row.order_id);
    rows.push(row);
    signals.push(signal);
    ends.push(resolve);
    fails.push(reject);
    return promise;
  };
  return { begun, rows, signals, ends, fails, perform };
}

/** For longer than what was read with a claim is taken as it is. */
export async function untilStale(): Promise<void> {
  const since = performance.now();
  await until('more than a second has gone by', () => performance.now() - since > 1_100);
}
