import express, { type Router } from 'express';
import { clockOffset } from '../db/clock.ts';
import type { Knex } from '../db/knex.ts';
import { messageOf } from '../errors.ts';
import { fulfillments } from '../fulfillment/fulfill.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { notifications } from '../notifications/notify.ts';
import { countOrders } from '../orders/counts.ts';
import { sharing } from '../sharing.ts';
import { within } from '../within.ts';
import { standingOf } from '../work/standing.ts';
import type { Readiness } from './readiness.ts';

/**
 * Prometheus waits for 10 s, and an answer that comes later is as good as none. PostgreSQL gives up first, then this
 * process.
 */
const STATEMENT_TIMEOUT_MS = 2_000;
const DATABASE_WITHIN_MS = 3_000;

interface Dependencies {
  readonly metrics: Metrics;
  readonly pools: Readonly<Record<string, Knex>>;
  readonly db: Knex;
  readonly pending: Readiness;
  readonly log: Logger;
}

/** `/metrics`: what this process counted, and how the database stands. Every process tells the latter, so take the maximum. */
export function metricsRouter({ metrics, pools, db, pending, log }: Dependencies): Router {
  // Strict, so that /metrics/ is another path, as /METRICS is (src/http/app.ts): a proxy that keeps /metrics from the
  // internet lets both through.
  const router = express.Router({ strict: true });
  const read = sharing(() => readDatabase(metrics, db, log));
  router.get('/metrics', async (_req, res) => {
    await Promise.all([read(), readReadiness(metrics, pending, log)]);
    readPools(metrics, pools);
    res.set('Content-Type', metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  return router;
}

function readPools({ poolConnections, poolWaiting }: Metrics, pools: Dependencies['pools']): void {
  for (const [pool, { client }] of Object.entries(pools)) {
    poolConnections.set({ pool, state: 'used' }, client.pool.numUsed());
    poolConnections.set({ pool, state: 'free' }, client.pool.numFree());
    poolWaiting.set({ pool }, client.pool.numPendingAcquires());
  }
}

async function readReadiness({ ready }: Metrics, pending: Readiness, log: Logger): Promise<void> {
  const missing = await orNull(within(DATABASE_WITHIN_MS, pending()), log);
  ready.set(missing?.length === 0 ? 1 : 0);
}

/** What could not be read in time is absent: an old figure would look like a new one. */
async function readDatabase(metrics: Metrics, db: Knex, log: Logger): Promise<void> {
  const answered = await orNull(briefly(db, ask), log);
  const counts = answered && (await orNull(briefly(db, countOrders), log));

  const { clockOffset: clock, databaseUp, orders, work, oldestWork, alerts } = metrics;
  for (const gauge of [clock, orders, work, oldestWork, alerts]) gauge.reset();
  databaseUp.set(answered ? 1 : 0);
  for (const [status, count] of Object.entries(counts ?? {})) orders.set({ status }, count);
  if (!answered) return;
  clock.set({ against: 'database' }, answered.clock);
  for (const cause of answered.causes) alerts.set({ cause }, 1);
  for (const [queue, { pending, dead, oldest_seconds }] of answered.standings) {
    work.set({ queue, status: 'pending' }, pending);
    work.set({ queue, status: 'dead' }, dead);
    oldestWork.set({ queue }, oldest_seconds ?? 0);
  }
}

async function ask(trx: Knex.Transaction) {
  return {
    clock: await clockOffset(trx),
    causes: await trx('alerts').whereNull('over_at').pluck<string[]>('cause'),
    standings: [
      [fulfillments.table, await standingOf(trx, fulfillments)],
      [notifications.table, await standingOf(trx, notifications)],
    ] as const,
  };
}

async function orNull<T>(answer: Promise<T>, log: Logger): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    log.warn({ reason: messageOf(error) }, 'metrics without figures of the database');
    return null;
  }
}

function briefly<T>(db: Knex, ask: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  return within(
    DATABASE_WITHIN_MS,
    db.transaction(async (trx) => {
      await trx.raw(`set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
      return ask(trx);
    }),
  );
}
