import { expect, test } from '@jest/globals';
import { contentsOf } from '../support/database.ts';
import { scrape } from '../support/metrics.ts';
import { newId } from '../support/new-id.ts';
import {
  connectionsOf,
  logOf,
  spawnService,
  startSurroundings,
  type TestProcess,
} from '../support/process.ts';
import { deliver } from '../support/service.ts';
import { until } from '../support/until.ts';

const { db, receiver, env, paidEvent } = await startSurroundings();

const status = async (url: string) => (await fetch(url)).status;
const fulfilledBy = (process: TestProcess) => logOf(process).filter(({ msg }) => msg === 'fulfilled').length;

test('web records what it is sent, worker fulfils it, and each leaves the rest to the other', async () => {
  await using web = await spawnService({ ...env, ROLE: 'web' });
  const events = [paidEvent(), paidEvent(), paidEvent()];
  for (const event of events) expect(await deliver(web.url, event)).toBe(200);
  expect((await contentsOf(db)).fulfillments).toMatchObject(
    Array(3).fill({ status: 'pending', attempts: 0 }),
  );

  await using worker = await spawnService({ ...env, ROLE: 'worker' });
  expect(await status(`${worker.url}/healthz`)).toBe(200);
  expect(await status(`${worker.url}/readyz`)).toBe(200);
  const figures = await scrape(worker.url);
  expect(figures.get('checkout_work{queue="fulfillments",status="dead"}')).toBe(0);
  // CheckoutDown fires where no process has this.
  expect([...figures.keys()].filter((name) => name.startsWith('checkout_deliveries_total'))).toEqual([]);
  expect(await deliver(worker.url, paidEvent())).toBe(404);

  await until('all are fulfilled', async () => {
    const { fulfillments } = await contentsOf(db);
    return fulfillments.every(({ status }) => status === 'fulfilled');
  });
  await until('the worker says so', () => fulfilledBy(worker) === 3);
  expect(fulfilledBy(web)).toBe(0);
  expect(receiver.calls.map(({ id }) => id).sort()).toEqual(events.map(({ data }) => data.object.id).sort());
  const { orders, fulfillments } = await contentsOf(db);
  expect(orders).toHaveLength(3);
  expect(fulfillments).toMatchObject(Array(3).fill({ attempts: 1 }));
});

test('one connection is enough for a process that does all', async () => {
  await using service = await spawnService({ ...env, DATABASE_POOL_MAX: '1' });
  const events = [paidEvent(), paidEvent(), paidEvent()];
  await Promise.all(events.map(async (event) => expect(await deliver(service.url, event)).toBe(200)));
  await until('all is fulfilled and mailed', () =>
    ['fulfilled', 'sent'].every((done) => logOf(service).filter(({ msg }) => msg === done).length === 3),
  );
  expect(await status(`${service.url}/readyz`)).toBe(200);
  expect(await connectionsOf(db, 'web')).toHaveLength(1);
});

test('where PostgreSQL grants fewer connections than the pools may open, the web has one of them all the same', async () => {
  const few = newId('few');
  await db.raw(`create role :few: login password 'few' connection limit 2`, { few });
  try {
    await db.raw('grant pg_read_all_data, pg_write_all_data to :few:', { few });
    const url = new URL(env.DATABASE_URL);
    url.username = few;
    url.password = 'few';
    await using service = await spawnService({ ...env, DATABASE_URL: url.href });
    const connections = () => db('pg_stat_activity').where({ usename: few });
    const bothTaken = () =>
      until('both are taken, and one of them by the web', async () => {
        const names = await connections().pluck('application_name');
        return names.length === 2 && names.includes('checkout-fulfillment web');
      });
    await bothTaken();
    expect(await deliver(service.url, paidEvent())).toBe(200);
    await until('the worker is idle', () => logOf(service).some(({ msg }) => msg === 'sent'));

    // PostgreSQL is restarted: whoever comes first has them.
    await connections().select(db.raw('pg_terminate_backend(pid, 5000)'));
    await bothTaken();
    expect(await deliver(service.url, paidEvent())).toBe(200);
  } finally {
    await db.raw('drop role :few:', { few });
  }
});

test('worker empties what is older than RETENTION_DAYS, web does not', async () => {
  const sent = [paidEvent(), paidEvent()];
  const [old = '', young = ''] = sent.map(({ id }) => id);
  const withPayload = () =>
    db('stripe_events')
      .whereIn('id', [old, young])
      .whereNotNull('payload')
      .orderBy('received_at')
      .pluck('id');

  await using web = await spawnService({ ...env, ROLE: 'web', RETENTION_DAYS: '7' });
  for (const event of sent) expect(await deliver(web.url, event)).toBe(200);
  await using _first = await spawnService({ ...env, ROLE: 'worker', RETENTION_DAYS: '7' });
  const fulfilled = () => db('fulfillments').whereIn('event_id', [old, young]).where({ status: 'fulfilled' });
  await until('both are fulfilled', async () => (await fulfilled()).length === 2);
  await db.raw(
    `update stripe_events set received_at = now() - case id when :old then 8 else 6 end * interval '1 day'`,
    { old },
  );

  await using _web = await spawnService({ ...env, ROLE: 'web', RETENTION_DAYS: '7' });
  expect(await withPayload()).toEqual([old, young]);
  await using _worker = await spawnService({ ...env, ROLE: 'worker', RETENTION_DAYS: '7' });
  await until('the old one is emptied', async () => (await withPayload()).length === 1);
  expect(await withPayload()).toEqual([young]);
});
