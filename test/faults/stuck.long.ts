import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import type { Knex } from '../../src/db/knex.ts';
import { createTestDatabase } from '../support/database.ts';
import { openPostgres, serverDir } from '../support/postgres.ts';
import { hold, startSurroundings } from '../support/process.ts';
import { deliver } from '../support/service.ts';
import type { Sale } from './support/sales.ts';
import { conclude, databaseOn, openStage } from './support/scene.ts';
import { startSender } from './support/sender.ts';

// Within `npm test`: test/http/webhook.test.ts.
const STUCK_MS = 12_000;
const [withTable, withRow, withPool] = [
  await startSurroundings(await createTestDatabase()),
  await startSurroundings(await createTestDatabase()),
  await startSurroundings(await createTestDatabase()),
];
const small = await openPostgres(await serverDir());
await small.start({ max_connections: 20, superuser_reserved_connections: 0 });
const withServer = await startSurroundings(databaseOn(small));

type Surroundings = typeof withTable;

interface Stuck {
  readonly fault: string;
  readonly done: string;
  readonly surroundings: Surroundings;
  readonly env?: Record<string, string>;
  readonly lock: string;
}

async function stick({ fault, done, surroundings, env = {}, lock }: Stuck): Promise<void> {
  await using service = await openStage({ ...surroundings.env, ...env });
  await using sender = startSender(service.url, surroundings.stripe);
  await sender.taken(200);
  await using held = await hold(surroundings.db, (trx) => trx.raw(lock));
  await pause(STUCK_MS);
  await held.release();
  const backAt = [performance.now()];
  await sender.taken(200);
  await conclude({ fault, done: `${done}, for ${STUCK_MS / 1_000} s`, sender, surroundings, backAt });
}

test(
  'a table is locked',
  () => stick({ fault: 'table locked', done: 'orders', surroundings: withTable, lock: 'lock table orders' }),
  600_000,
);

test(
  'the pool is exhausted: each of its connections waits',
  () =>
    stick({
      fault: 'pool exhausted',
      done: 'both of its connections wait for locks',
      surroundings: withPool,
      env: { DATABASE_POOL_MAX: '2' },
      lock: 'lock table orders, fulfillments, notifications, knex_migrations',
    }),
  600_000,
);

test('a row is locked, and its event comes again and again', async () => {
  const { db, stripe, env } = withRow;
  await using service = await openStage(env);
  await using sender = startSender(service.url, stripe);
  await sender.taken(200);
  const { sessionId, events } = sender.sales[0] as Sale;
  await using held = await hold(db, (trx) =>
    trx('orders').where({ checkout_session_id: sessionId }).forUpdate(),
  );
  const lockedAt = performance.now();
  let repeats = 0;
  while (performance.now() - lockedAt < STUCK_MS) {
    repeats += 1;
    expect(await deliver(service.url, events[0])).toBe(503);
  }
  const besides = sender.deliveries.filter(({ begunAt }) => begunAt > lockedAt);
  const refused = besides.filter(({ status }) => status !== 200);
  await held.release();
  const done = `for ${STUCK_MS / 1_000} s, while its event came ${repeats} times; of ${besides.length} others ${refused.length} were refused`;
  await conclude({ fault: 'row locked', done, sender, surroundings: withRow });
}, 600_000);

test('PostgreSQL has no connection left', async () => {
  const { db, stripe, env } = withServer;
  await using service = await openStage(env);
  await using sender = startSender(service.url, stripe);
  await sender.taken(200);
  const hoarders = await hoardConnections(small.url, db);
  await pause(STUCK_MS);
  for (const client of hoarders) await client.end();
  const backAt = [performance.now()];
  await sender.taken(200);
  const done = `${hoarders.length} of 20 are others', for ${STUCK_MS / 1_000} s`;
  await conclude({ fault: 'no connections left', done, sender, surroundings: withServer, backAt });
  expect(hoarders.length).toBeGreaterThan(15);
}, 600_000);

/** Takes every connection there is, the service's as well. */
async function hoardConnections(url: string, db: Knex): Promise<pg.Client[]> {
  const hoard: pg.Client[] = [];
  for (let refused = 0; refused < 20; ) {
    await db.raw(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name ~ '(web|worker)$'`,
    );
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    try {
      await client.connect();
      hoard.push(client);
    } catch {
      refused += 1;
    }
  }
  return hoard;
}
