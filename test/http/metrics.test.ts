import { afterAll, describe, expect, test } from '@jest/globals';
import { openPool } from '../../src/db/knex.ts';
import type { Kind } from '../../src/db/limits.ts';
import { createApp } from '../../src/http/app.ts';
import { metricsRouter } from '../../src/http/metrics.ts';
import { readinessOf } from '../../src/http/readiness.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createTestDatabase } from '../support/database.ts';
import { serve } from '../support/http.ts';
import { silent } from '../support/log.ts';
import { scrape } from '../support/metrics.ts';
import { connectionsOf, hold, untilWaiting } from '../support/process.ts';
import { openShop } from '../support/shop.ts';
import { events, stripeEvent } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const { db, receiver, service, checkout, atRest } = await openShop({ FULFILLMENT_MAX_ATTEMPTS: '1' });

let arrived = 0;
/** Statements that counted orders. */
const counted: string[] = [];
/** A process with another database, which has counted the orders before. */
function processWith(databaseUrl: string, kind: Kind = 'web'): Promise<string> {
  const metrics = createMetrics();
  metrics.orders.set({ status: 'paid' }, 17);
  const pool = openPool(databaseUrl, { kind, max: 2, log: silent });
  pool.on('query', ({ sql }: { sql: string }) => sql.includes('from unpaid') && counted.push(sql));
  afterAll(() => pool.destroy());
  const pending = readinessOf(pool);
  const router = metricsRouter({ metrics, pools: { web: pool }, db: pool, pending, log: silent });
  const app = createApp([router], silent);
  return serve((req, res) => {
    arrived += 1;
    app(req, res);
  });
}
const own = await createTestDatabase();
const standby = new URL(own.url);
standby.searchParams.set('options', '-c default_transaction_read_only=on');
const onStandby = await processWith(standby.href);
const onOwn = await processWith(own.url);
/** Its pool has no limits. */
const patient = await processWith(own.url, 'migration');
const withoutDatabase = await processWith('postgres://nobody@127.0.0.1:1/none');

const COMPLETED = 'type="checkout.session.completed"';

/** What a counter or histogram gained by `act`. */
async function gained(act: () => Promise<unknown>): Promise<(sample: string) => number> {
  const before = await scrape(service.url);
  await act();
  const after = await scrape(service.url);
  return (sample) => (after.get(sample) ?? 0) - (before.get(sample) ?? 0);
}

function post(body: string, headers: Record<string, string>) {
  return fetch(`${service.url}/webhook`, { method: 'POST', headers, body });
}

test('Prometheus text, with the process itself', async () => {
  const response = await fetch(`${service.url}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(await response.text()).toMatch(/^process_cpu_seconds_total \d/m);
});

describe('deliveries', () => {
  test.each([
    'outcome="conflict",type="checkout.session.async_payment_failed"',
    'outcome="unavailable",type="checkout.session.async_payment_failed"',
    `outcome="refused",${COMPLETED}`,
    'outcome="unavailable",type="none"',
  ])('%s is there before there is any, for an alert to see the first', async (labels) => {
    expect((await scrape(service.url)).get(`checkout_deliveries_total{${labels}}`)).toBe(0);
  });

  test.each([
    'checkout_signature_failures_total{reason="expired"}',
    'checkout_acknowledgement_seconds_bucket{code="200",le="2.5"}',
    'checkout_attempt_seconds_count{outcome="failed",queue="fulfillments"}',
    'checkout_attempt_seconds_count{outcome="dead",queue="notifications"}',
  ])('so is %s', async (sample) => {
    expect((await scrape(service.url)).get(sample)).toBe(0);
  });

  test('by type and outcome, with what their answers took', async () => {
    const sample = await gained(async () => {
      const paid = events.completedPaid(checkout());
      expect(await service.deliver(paid)).toBe(200);
      expect(await service.deliver(paid)).toBe(200);
      expect(await service.deliver(events.completedUnpaid(paid.data.object))).toBe(200);
      expect(await service.deliver(events.asyncFailed(paid.data.object))).toBe(200);
    });
    expect(sample(`checkout_deliveries_total{outcome="applied",${COMPLETED}}`)).toBe(1);
    expect(sample(`checkout_deliveries_total{outcome="duplicate",${COMPLETED}}`)).toBe(1);
    expect(sample(`checkout_deliveries_total{outcome="stale",${COMPLETED}}`)).toBe(1);
    const failed = 'type="checkout.session.async_payment_failed"';
    expect(sample(`checkout_deliveries_total{outcome="conflict",${failed}}`)).toBe(1);
    expect(sample('checkout_acknowledgement_seconds_count{code="200"}')).toBe(4);
    expect(sample('checkout_acknowledgement_seconds_bucket{code="200",le="+Inf"}')).toBe(4);
    expect(sample('checkout_acknowledgement_seconds_sum{code="200"}')).toBeGreaterThan(0);
    expect(sample('checkout_commit_batch_size_count')).toBe(4);
    expect(sample('checkout_commit_batch_size_sum')).toBe(4);
  });

  test('of types that nobody handles share a label, whatever the sender calls them', async () => {
    const sample = await gained(async () => {
      for (const type of ['invoice.paid', 'made.up', 'constructor'])
        expect(await service.deliver(stripeEvent(type, { id: 'in_1', object: 'invoice' }))).toBe(200);
    });
    expect(sample('checkout_deliveries_total{outcome="ignored",type="other"}')).toBe(3);
  });

  test('a ping is one that is ignored', async () => {
    const ping = { object: 'v2.core.event', id: 'evt_test_ping', type: 'v2.core.event_destination.ping' };
    const sample = await gained(async () => expect(await service.deliver(ping)).toBe(200));
    expect(sample('checkout_deliveries_total{outcome="ignored",type="other"}')).toBe(1);
    expect(sample('checkout_acknowledgement_seconds_count{code="200"}')).toBe(1);
  });

  test('refused: by what is wrong with them', async () => {
    const wrong = `t=${Math.floor(Date.now() / 1_000)},v1=${'0'.repeat(64)}`;
    const sample = await gained(async () => {
      await post('{}', {});
      await post('{}', { 'stripe-signature': wrong });
      await post('x'.repeat(1024 * 1024 + 1), { 'stripe-signature': wrong });
      await service.deliver({ no: 'event' });
      await service.deliver(events.completedPaid(checkout({ amount_total: 'many' })));
    });
    expect(sample('checkout_signature_failures_total{reason="missing"}')).toBe(1);
    expect(sample('checkout_signature_failures_total{reason="invalid"}')).toBe(1);
    expect(sample('checkout_deliveries_total{outcome="refused_signature",type="none"}')).toBe(2);
    expect(sample('checkout_deliveries_total{outcome="refused",type="none"}')).toBe(2);
    expect(sample(`checkout_deliveries_total{outcome="refused",${COMPLETED}}`)).toBe(1);
    expect(sample('checkout_acknowledgement_seconds_count{code="400"}')).toBe(4);
    expect(sample('checkout_acknowledgement_seconds_count{code="413"}')).toBe(1);
  });

  test('that the database could not take', async () => {
    const lock = await db.transaction();
    await lock.raw('lock table orders in access exclusive mode');
    const sample = await gained(async () => {
      expect(await service.deliver(events.completedPaid(checkout()))).toBe(503);
      await lock.rollback();
    });
    expect(sample(`checkout_deliveries_total{outcome="unavailable",${COMPLETED}}`)).toBe(1);
    expect(sample('checkout_acknowledgement_seconds_count{code="503"}')).toBe(1);
  });
});

/** An attempt is counted once its outcome is written, so a row tells of it sooner. Each order has one here. */
const everyAttemptIsCounted = () =>
  until('every attempt is counted', async () => {
    const counts = [...(await scrape(service.url))].filter(([name]) =>
      /^checkout_attempt_seconds_count\{.*queue="fulfillments"\}$/.test(name),
    );
    return counts.reduce((sum, [, count]) => sum + count, 0) === (await db('fulfillments')).length;
  });

test('attempts by outcome, and what became of the work', async () => {
  await everyAttemptIsCounted();
  const sample = await gained(async () => {
    const good = checkout();
    await service.deliver(events.completedPaid(good));
    await atRest(good.id);
    receiver.answer = (res) => res.writeHead(500).end();
    const bad = checkout();
    await service.deliver(events.completedPaid(bad));
    await atRest(bad.id);
    receiver.answer = (res) => res.writeHead(204).end();
    await everyAttemptIsCounted();
  });
  expect(sample('checkout_attempt_seconds_count{outcome="done",queue="fulfillments"}')).toBe(1);
  expect(sample('checkout_attempt_seconds_count{outcome="dead",queue="fulfillments"}')).toBe(1);
  expect(sample('checkout_work{queue="fulfillments",status="dead"}')).toBe(1);
  expect(
    (await scrape(service.url)).get('checkout_work_oldest_seconds{queue="fulfillments"}'),
  ).toBeGreaterThan(0);
});

test('are at their own path alone, as a proxy that keeps them from others has it', async () => {
  expect((await fetch(`${service.url}/metrics/`)).status).toBe(404);
});

test('orders by status, alerts that stand, and the pools', async () => {
  const sample = await gained(async () => {
    await service.deliver(events.completedUnpaid(checkout()));
    await service.deliver(events.completedPaid(checkout()));
    await service.deliver(events.asyncFailed(checkout()));
    await service.deliver(events.asyncFailed(checkout()));
  });
  expect(sample('checkout_orders{status="awaiting_payment"}')).toBe(1);
  expect(sample('checkout_orders{status="paid"}')).toBe(1);
  expect(sample('checkout_orders{status="failed"}')).toBe(2);

  await db('alerts').insert([
    { cause: 'clock_off', details: {} },
    { cause: 'reconcile_failing', details: {}, over_at: db.fn.now() },
  ]);
  const now = await scrape(service.url);
  expect(now.get('checkout_alerts{cause="clock_off"}')).toBe(1);
  expect(now.get('checkout_alerts{cause="reconcile_failing"}')).toBeUndefined();
  expect(now.get('checkout_database_up')).toBe(1);
  expect(now.get('checkout_ready')).toBe(1);
  expect(Math.abs(now.get('checkout_clock_offset_seconds{against="database"}') ?? 99)).toBeLessThan(1);
  for (const pool of ['web', 'worker']) {
    const [used, free] = ['used', 'free'].map((state) =>
      now.get(`checkout_pool_connections{pool="${pool}",state="${state}"}`),
    );
    expect((used ?? 0) + (free ?? 0)).toBeGreaterThan(0);
    expect(now.get(`checkout_pool_waiting{pool="${pool}"}`)).toBe(0);
  }
});

test('without a database: what the process counted, and no figure that might be old', async () => {
  const samples = await scrape(withoutDatabase);
  expect(samples.get('checkout_database_up')).toBe(0);
  expect(samples.get('checkout_ready')).toBe(0);
  expect(samples.get('checkout_pool_waiting{pool="web"}')).toBe(0);
  expect([...samples.keys()].filter((name) => /^checkout_(orders|work|alerts|clock)/.test(name))).toEqual([]);
});

test('where the orders alone can not be counted all else is there', async () => {
  await using _locked = await hold(db, (trx) => trx.raw('lock table orders in access exclusive mode'));
  const samples = await scrape(service.url);
  expect(samples.get('checkout_database_up')).toBe(1);
  expect(samples.get('checkout_work{queue="fulfillments",status="dead"}')).toBe(1);
  expect([...samples.keys()].filter((name) => name.startsWith('checkout_orders'))).toEqual([]);
});

test('what is not counted in time is given up by PostgreSQL, too: it keeps no connection', async () => {
  await using _locked = await hold(own.db, (trx) => trx.raw('lock table orders in access exclusive mode'));
  expect((await scrape(patient)).get('checkout_database_up')).toBe(1);
  const connections = await connectionsOf(own.db, 'migration');
  expect(connections.filter(({ wait_event_type }) => wait_event_type === 'Lock')).toEqual([]);
});

test('whoever asks while an answer is under way shares it', async () => {
  await using held = await hold(own.db, (trx) => trx.raw('lock table orders in access exclusive mode'));
  arrived = 0;
  const crowd = Array.from({ length: 10 }, () => scrape(onOwn));
  await until('all have asked', () => arrived === 10);
  await untilWaiting(own.db, 'web', 1);
  await held.release();
  await Promise.all(crowd);
  expect(counted.length).toBeLessThanOrEqual(2);
});

test('a database that takes no changes, or lacks a migration, is up and not ready', async () => {
  const upAndReady = async (service: string) => {
    const samples = await scrape(service);
    return [samples.get('checkout_database_up'), samples.get('checkout_ready')];
  };
  expect(await upAndReady(onStandby)).toEqual([1, 0]);
  expect(await upAndReady(onOwn)).toEqual([1, 1]);
  await own.db('knex_migrations').where('name', 'like', '0007%').del();
  expect(await upAndReady(onOwn)).toEqual([1, 0]);
});
