import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What a process counts and measures, for Prometheus. A registry of its own, since tests run several services in one process. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    deliveries: new Counter({
      name: 'checkout_deliveries_total',
      help: 'Deliveries to the webhook, by event type (none: not verified) and what became of them.',
      labelNames: ['type', 'outcome'],
      registers,
    }),
    acknowledgement: new Histogram({
      name: 'checkout_acknowledgement_seconds',
      help: 'From the head of a delivery to its answer, by the status of the answer.',
      labelNames: ['code'],
      buckets: [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    signatureFailures: new Counter({
      name: 'checkout_signature_failures_total',
      help: 'Deliveries refused for their signature: missing, invalid (of another secret, or none) or expired.',
      labelNames: ['reason'],
      registers,
    }),
    batchSize: new Histogram({
      name: 'checkout_commit_batch_size',
      help: 'News of orders that shared a commit.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 100],
      registers,
    }),
    attempts: new Histogram({
      name: 'checkout_attempt_seconds',
      help: 'Attempts at owed work, by queue and outcome (done, failed, dead, lost).',
      labelNames: ['queue', 'outcome'],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25],
      registers,
    }),
    poolConnections: new Gauge({
      name: 'checkout_pool_connections',
      help: 'Connections to PostgreSQL of this process, by pool and state (used, free).',
      labelNames: ['pool', 'state'],
      registers,
    }),
    poolWaiting: new Gauge({
      name: 'checkout_pool_waiting',
      help: 'Statements of this process that wait for a connection.',
      labelNames: ['pool'],
      registers,
    }),
    databaseUp: new Gauge({
      name: 'checkout_database_up',
      help: '1 if the database answered this scrape. What follows from it is absent otherwise.',
      registers,
    }),
    ready: new Gauge({
      name: 'checkout_ready',
      help: '1 if the database answers, takes changes and has every migration: what /readyz says.',
      registers,
    }),
    clockOffset: new Gauge({
      name: 'checkout_clock_offset_seconds',
      help: "By how much this process's clock is ahead of the database's.",
      labelNames: ['against'],
      registers,
    }),
    orders: new Gauge({
      name: 'checkout_orders',
      help: 'Orders by status, in the database. Paid ones are reckoned from the highest id.',
      labelNames: ['status'],
      registers,
    }),
    work: new Gauge({
      name: 'checkout_work',
      help: 'Owed work in the database, by queue and status (pending, dead).',
      labelNames: ['queue', 'status'],
      registers,
    }),
    oldestWork: new Gauge({
      name: 'checkout_work_oldest_seconds',
      help: 'Age of the oldest work that is owed, 0 if none is. Of fulfillments: of the oldest unfulfilled order.',
      labelNames: ['queue'],
      registers,
    }),
    alerts: new Gauge({
      name: 'checkout_alerts',
      help: '1 for each cause of which a person is told and that is not over.',
      labelNames: ['cause'],
      registers,
    }),
  } as const;
}

export type Metrics = ReturnType<typeof createMetrics>;
