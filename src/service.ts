import type { RequestListener } from 'node:http';
import type Stripe from 'stripe';
import { startAlerts } from './alerts/start.ts';
import type { Watch } from './alerts/watch.ts';
import { atMost } from './at-most.ts';
import type { Config } from './config.ts';
import { openFulfiller, openShop, openStripe, openTracing } from './connect.ts';
import { openDatabase } from './db/database.ts';
import { migrate } from './db/migrate.ts';
import { openPools, type Pools } from './db/pools.ts';
import { messageOf } from './errors.ts';
import { fulfillments, fulfillmentWork } from './fulfillment/fulfill.ts';
import type { Fulfiller } from './fulfillment/fulfiller.ts';
import { opsAccess } from './http/access.ts';
import { createApp } from './http/app.ts';
import { countDeliveries } from './http/deliveries.ts';
import { healthRouter } from './http/health.ts';
import { landingPageRouter } from './http/landing-page.ts';
import { metricsRouter } from './http/metrics.ts';
import { readinessOf } from './http/readiness.ts';
import { watchRefusals } from './http/refusals.ts';
import { listen } from './http/server.ts';
import { watchSignatures } from './http/signatures.ts';
import { traceDelivery } from './http/traces.ts';
import { type Delivery, webhookListener } from './http/webhook.ts';
import type { Logger } from './logger.ts';
import type { Loop } from './loop.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { openMailer } from './notifications/mailer.ts';
import { notifications, notificationWork } from './notifications/notify.ts';
import { mailPlaces, watchThread } from './notifications/places.ts';
import { keepAcknowledgements } from './ops/acknowledgements.ts';
import { openLive } from './ops/live.ts';
import { pulseOf } from './ops/pulse.ts';
import { opsRouter } from './ops/router.ts';
import { type Ledger, openLedger } from './orders/ledger.ts';
import { startRetention } from './orders/retention.ts';
import { startReconciling } from './reconcile/schedule.ts';
import type { Queue } from './work/queue.ts';
import { type AttemptOutcome, attemptOutcomes } from './work/settle.ts';
import { startWorker, type Worker } from './work/worker.ts';

export interface Service {
  readonly url: string;
  /** Finishes what is under way, hands the rest back, and lets everything go: within 10 s. */
  stop(): Promise<void>;
}

/** What an attempt may still take once the service stops. */
const GRACE_MS = 3_000;
/** What its last statements may take. A database that is gone does not keep the process. */
const POOLS_GRACE_MS = 1_000;

/**
 * Wires a process of the configured role. What it opened is let go in reverse, also when a later step fails.
 * @param ownFulfil how orders are fulfilled; unset: as the configuration says
 */
export async function startService(config: Config, log: Logger, ownFulfil?: Fulfiller): Promise<Service> {
  const opened = new AsyncDisposableStack();
  try {
    await openTracing(config, log, opened);
    const database = await openDatabase(config, log);
    opened.defer(() => database.stop());
    await migrate(database.url, log);

    const pools = openPools(config, database, log);
    opened.defer(() => atMost(POOLS_GRACE_MS, pools.destroy()));
    // Migrations have just had a connection. Where this one takes too long, PostgreSQL is busy, and deliveries are 503 for a while.
    await pools.webFirst().catch((error) => log.warn({ reason: messageOf(error) }, 'no connection yet'));

    const metrics = createMetrics();
    const refusals = watchRefusals({ db: pools.worker, log });
    const acknowledgements = keepAcknowledgements({ db: pools.web, log });
    const watches = [watchSignatures(), refusals];
    const deliveries = watches.map(({ findings }) => findings);
    const alerts = startAlerts(config, { db: pools.worker, deliveries, log, opened });
    opened.defer(() => stopAll([refusals, acknowledgements, alerts]));
    const stripe = await openStripe(config, log, opened);
    const parts: Parts = { config, pools, stripe, metrics, watches, acknowledgements, alerts, log, opened };
    const receives = ownFulfil === undefined && config.fulfillment.endpoint === null;
    const fulfil = ownFulfil ?? (await openFulfiller(config, log, opened));
    const workers = config.role === 'web' ? [] : startWorkers(parts, fulfil);
    const doors = await openDoors(parts, { workers, receives });
    const server = await listen(doors.listener, config.http);
    const jobs = config.role === 'web' ? [] : startJobs(parts, workers);
    opened.defer(async () => {
      doors.endStreams();
      await Promise.all([server.close(), stopAll([...workers, ...jobs])]);
    });
    return { url: server.url, stop: () => opened.disposeAsync() };
  } catch (error) {
    await opened.disposeAsync().catch((also) => log.warn({ reason: messageOf(also) }, 'not all was let go'));
    throw error;
  }
}

interface Parts {
  readonly config: Config;
  readonly pools: Pools;
  readonly stripe: Stripe;
  readonly metrics: Metrics;
  /** What each delivery is shown to. */
  readonly watches: readonly { saw(delivery: Delivery): void }[];
  readonly acknowledgements: ReturnType<typeof keepAcknowledgements>;
  readonly alerts: Watch;
  readonly log: Logger;
  readonly opened: AsyncDisposableStack;
}

interface Doors {
  readonly listener: RequestListener;
  /** What would keep the server from closing. */
  endStreams(): void;
}

/** Every process says how it is; one for the web takes events as well, the calls of the shop's pages, and operators. */
async function openDoors(
  { config, pools, stripe, metrics, watches, acknowledgements, alerts, log }: Parts,
  { workers, receives }: { workers: readonly Worker[]; receives: boolean },
): Promise<Doors> {
  const { role, sandbox, opsToken: token, production, tracing } = config;
  const { webhookSecrets: secrets, livemode } = config.stripe;
  const db = pools.web;
  const pending = readinessOf(db);
  const health = healthRouter({ pending, notes: alerts.causes, log });
  const figures = metricsRouter({ metrics, pools: pools.byName, db, pending, log });
  if (role === 'worker') return { listener: createApp([health, figures], log), endStreams() {} };
  const record = waking(
    openLedger(db, (size) => metrics.batchSize.observe(size)),
    workers,
  );
  const access = opsAccess({ token, production });
  const landingPage = landingPageRouter({ access, stripe, record, db, livemode, log });
  const mode = sandbox ? 'sandbox' : livemode ? 'live' : 'test';
  const live = openLive({ pulse: pulseOf(db), log });
  const shop = await openShop(config, { db, stripe, receives, log });
  const ops = opsRouter({ token, production, db, stripe, live, mode, log });
  const app = createApp([health, figures, landingPage, ops, ...(shop ? [shop.router] : [])], log);
  const count = countDeliveries(metrics);
  const onDelivery = (delivery: Delivery) => {
    count(delivery);
    for (const watch of watches) watch.saw(delivery);
    if (delivery.status === 200) acknowledgements.took(delivery.seconds * 1_000);
    if (tracing !== null) traceDelivery(delivery);
  };
  return {
    listener: webhookListener({ record, secrets, livemode, onDelivery, log }, app),
    endStreams() {
      live.stop();
      shop?.stop();
    },
  };
}

function startWorkers(
  { config, pools: { worker: db }, stripe, metrics, log, opened }: Parts,
  fulfil: Fulfiller,
): Worker[] {
  const { concurrency, maxAttempts } = config.fulfillment;
  const mailer = openMailer(config);
  opened.defer(() => mailer.close());
  const busy = watchThread();
  const onAttempt = ({ table: queue }: Queue) => {
    // As with deliveries, the first that fails would not be seen.
    for (const outcome of attemptOutcomes) metrics.attempts.zero({ queue, outcome });
    return (outcome: AttemptOutcome, seconds: number) =>
      metrics.attempts.observe({ queue, outcome }, seconds);
  };

  const fulfilling: Worker = startWorker({
    db,
    ...fulfillmentWork({ db, stripe, fulfil, onReceiptOwed: () => mailing.wake() }),
    concurrency: () => concurrency,
    maxAttempts,
    onAttempt: onAttempt(fulfillments),
    log,
  });
  const mailing = startWorker({
    db,
    ...notificationWork({ db, send: mailer.send, shop: config.shop }),
    concurrency: () => mailPlaces(fulfilling.behindMs(), busy()),
    maxAttempts,
    onAttempt: onAttempt(notifications),
    log,
  });
  const workers = [fulfilling, mailing];
  opened.defer(() => stopAll(workers));
  return workers;
}

/** What is done at its own times, and not as orders come. */
function startJobs(
  { config, pools: { worker: db }, stripe, log }: Parts,
  workers: readonly Worker[],
): Loop[] {
  const record = waking(openLedger(db), workers);
  return [
    startRetention({ db, days: config.retentionDays, log }),
    ...startReconciling({ db, stripe, record, livemode: config.stripe.livemode, log }),
  ];
}

/** Side by side: where the database does not answer each takes a second or more, and one after the other they took 11 s. */
async function stopAll(running: readonly { stop(graceMs: number): Promise<void> }[]): Promise<void> {
  await Promise.all(running.map((one) => one.stop(GRACE_MS)));
}

/** A ledger that rings the workers of its own process; those of others poll. */
function waking(record: Ledger, workers: readonly Worker[]): Ledger {
  return async (news) => {
    const recorded = await record(news);
    if (recorded.moved_to !== null) for (const worker of workers) worker.wake();
    return recorded;
  };
}
