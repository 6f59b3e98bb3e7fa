import { readdir } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import type { Knex } from '../../src/db/knex.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  addressOf,
  hold,
  logOf,
  run,
  spawnService,
  type TestProcess,
  untilItWrites,
  untilReady,
  untilWaiting,
} from '../support/process.ts';
import { SECRET } from '../support/stripe-events.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const shared = await createTestDatabase({ migrated: false });
const occupied = await createTestDatabase({ migrated: false });
const mixed = await createTestDatabase({ migrated: false });
const unowned = await createTestDatabase({ migrated: false });
const byCommand = await createTestDatabase({ migrated: false });
const inUse = await createTestDatabase();
const busy = await startTcpProxy(inUse.url);

const files = (await readdir('migrations')).sort();
const serviceEnv = ({ url }: { url: string }) => ({
  DATABASE_URL: url,
  PORT: '0',
  STRIPE_SECRET_KEY: 'sk_test_123',
  STRIPE_WEBHOOK_SECRET: SECRET,
});

const appliedTo = (db: Knex) => db('knex_migrations').orderBy('id').pluck('name');
const reportsOf = (process: TestProcess) =>
  logOf(process).flatMap(({ migrations }) => (migrations === undefined ? [] : [migrations]));
const loudest = (process: TestProcess) => Math.max(...logOf(process).map(({ level }) => level));
const WARN = 40;

async function tables(db: Knex): Promise<string[]> {
  return db('pg_tables').where({ schemaname: 'public' }).orderBy('tablename').pluck('tablename');
}

test('four instances that start at once on an empty database apply each migration once', async () => {
  const { db } = shared;
  // Holds whoever makes the first table, until all four stand at the door.
  await using door = await hold(db, (trx) => trx.raw('create table knex_migrations ()'));
  await using processes = new AsyncDisposableStack();
  const services = [1, 2, 3, 4].map(() => processes.use(run('src/main.ts', serviceEnv(shared))));
  await untilWaiting(db, 'migration', 4);
  await door.release();

  for (const url of await Promise.all(services.map(addressOf))) await untilReady(url);
  expect(await appliedTo(db)).toEqual(files);
  expect(services.flatMap(reportsOf)).toEqual([files]);
  expect(services.map(loudest)).toEqual([WARN, WARN, WARN, WARN]);
  expect(services.map(({ written }) => written.stderr).join('')).toBe('');
});

test('a migration that fails stops the start and leaves nothing half applied', async () => {
  const { db } = occupied;
  await db.raw('create table orders (something_else int)');
  await using refused = run('src/main.ts', serviceEnv(occupied));
  expect(await refused.ended).toEqual({ code: 1, signal: null });
  expect(refused.written.stderr).toMatch(
    /can not start: .*relation "orders" already exists\. .* a database of its own\n$/s,
  );
  expect(refused.written.stdout).not.toMatch(/listening/);
  expect(await tables(db)).toEqual(['orders']);

  await db.raw('drop table orders');
  await using _started = await spawnService(serviceEnv(occupied));
  expect(await appliedTo(db)).toEqual(files);
});

test('the migrations of another program are not mixed with ours', async () => {
  const { db } = mixed;
  await db.raw('create table knex_migrations (id serial, name text, batch int, migration_time timestamptz)');
  await db('knex_migrations').insert({ name: '0001_create_carts.js', batch: 1, migration_time: db.fn.now() });
  await using refused = run('src/main.ts', serviceEnv(mixed));
  expect(await refused.ended).toEqual({ code: 1, signal: null });
  expect(refused.written.stderr).toMatch(/can not start: Another program keeps .* a database of its own\n$/);
  expect(await tables(db)).toEqual(['knex_migrations']);
});

test('a role that may make no tables is told what to do', async () => {
  const { db, url } = unowned;
  const refusedUrl = new URL(url);
  refusedUrl.username = `jo_${process.pid}`;
  refusedUrl.password = 'jo';
  await db.raw(`create role :name: login password 'jo'`, { name: refusedUrl.username });
  try {
    await using refused = run('src/db/migrate-cli.ts', serviceEnv({ url: refusedUrl.href }));
    expect(await refused.ended).toEqual({ code: 1, signal: null });
    expect(refused.written.stderr).toMatch(
      /can not start: permission denied for schema public\. Let the role of .* own .*, let that one run `npm run migrate`/,
    );
  } finally {
    await db.raw('drop role :name:', { name: refusedUrl.username });
  }
});

test('a PostgreSQL that is too busy after the migrations to let the web in does not end the start', async () => {
  const { db } = inUse;
  await using door = await hold(db, (trx) => trx.raw('lock table knex_migrations'));
  await using service = run('src/main.ts', serviceEnv(busy));
  await untilWaiting(db, 'migration', 1);
  busy.manner = 'reset';
  await door.release();
  const url = await addressOf(service);
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  busy.manner = 'forward';
  await untilReady(url);
});

test('a database that a newer release has migrated is served all the same', async () => {
  const { db } = occupied;
  const newer = { name: '9999_of_the_next_release.ts', batch: 99, migration_time: db.fn.now() };
  await db('knex_migrations').insert(newer);
  await using service = await spawnService(serviceEnv(occupied));
  await untilReady(service.url);
  expect(await appliedTo(db)).toEqual([...files, newer.name]);
});

test('npm run migrate does the same, and nothing the second time', async () => {
  for (const reports of [[files], []]) {
    await using command = run('src/db/migrate-cli.ts', serviceEnv(byCommand));
    expect(await command.ended).toEqual({ code: 0, signal: null });
    expect(command.written.stderr).toBe('');
    expect(reportsOf(command)).toEqual(reports);
    expect(await appliedTo(byCommand.db)).toEqual(files);
  }
});

test('npm run migrate in production wants to know of the database alone', async () => {
  const env = { NODE_ENV: 'production', DATABASE_URL: byCommand.url };
  await using command = run('src/db/migrate-cli.ts', env);
  expect(await command.ended).toEqual({ code: 0, signal: null });
});

test('npm run migrate with anything behind it does nothing', async () => {
  const { url, db } = unowned;
  for (const argument of ['down', '--dry-run', '--help']) {
    await using command = run('src/db/migrate-cli.ts', serviceEnv({ url }), [argument]);
    expect(await command.ended).toEqual({ code: argument === '--help' ? 0 : 2, signal: null });
    if (argument !== '--help') expect(command.written.stderr).toMatch(/^error: (too many|unknown)/);
  }
  expect(await tables(db)).toEqual([]);
});

test('a server that takes no changes stops the start also where nothing is pending', async () => {
  const { db, url } = byCommand;
  const database = new URL(url).pathname.slice(1);
  await db.raw('alter database :database: set default_transaction_read_only = on', { database });
  try {
    await using refused = run('src/db/migrate-cli.ts', serviceEnv(byCommand));
    expect(await refused.ended).toEqual({ code: 1, signal: null });
    expect(refused.written.stderr).toMatch(
      /can not start: .*read-only transaction: DATABASE_URL leads to a standby, or .*\n$/,
    );
  } finally {
    await db.raw('alter database :database: reset default_transaction_read_only', { database });
  }
});

// Side by side: each waits for 5 s.
test.concurrent.each(['orders in row exclusive mode', 'knex_migrations_lock in exclusive mode'])(
  'a migration that waits for a table lets those pass that wait behind it (%s)',
  async (table) => {
    const { db, url } = await createTestDatabase();
    const name = '0011_index_what_operators_ask.ts';
    const { down } = await import(`../../migrations/${name}`);
    await down(db);
    await db('knex_migrations').where({ name }).delete();

    await using writer = await hold(db, (trx) => trx.raw(`lock table ${table}`));
    await using migrating = run('src/db/migrate-cli.ts', serviceEnv({ url }));
    await untilWaiting(db, 'migration', 1);
    await db('orders').update({ updated_at: db.fn.now() });
    await untilItWrites(migrating, /a table that is in use, and lets others pass/);
    await writer.release();
    expect(await migrating.ended).toEqual({ code: 0, signal: null });
    expect((await appliedTo(db)).toSorted()).toEqual(files);
  },
);

test.each([
  [
    "raise exception 'not for you' using errcode = 'insufficient_privilege'",
    /not for you\. Let the role of /,
  ],
  ['perform pg_terminate_backend(pg_backend_pid())', /No PostgreSQL can be used at DATABASE_URL: /],
])('what keeps knex from its own lock is not told as a lock that is taken (%s)', async (happens, told) => {
  const { db } = inUse;
  const [pending] = await db('knex_migrations')
    .where({ name: files.at(-1) })
    .delete()
    .returning('*');
  await db.raw(
    `create function refuse() returns trigger language plpgsql as $$ begin ${happens}; return new; end $$;
     create trigger refuse before update on knex_migrations_lock for each row execute function refuse()`,
  );
  await using refused = run('src/db/migrate-cli.ts', serviceEnv(inUse));
  expect(await refused.ended).toEqual({ code: 1, signal: null });
  expect(refused.written.stderr).toMatch(told);
  expect(`${refused.written.stdout}${refused.written.stderr}`).not.toContain('unlock');
  await db.raw('drop function refuse cascade');
  await db('knex_migrations').insert(pending);
});

test('a database that goes away meanwhile is told of as one that is away from the start', async () => {
  const { db, url } = unowned;
  await using _door = await hold(db, (trx) => trx.raw('create table knex_migrations ()'));
  await using refused = run('src/main.ts', serviceEnv({ url }));
  await untilWaiting(db, 'migration', 1);
  await db.raw(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'checkout-fulfillment migration'`,
  );
  expect(await refused.ended).toEqual({ code: 1, signal: null });
  expect(refused.written.stderr).toMatch(/can not start: No PostgreSQL can be used at DATABASE_URL: .*\n$/);
  expect(await tables(db)).toEqual([]);
});

test('a lock that a killed command of knex left keeps nobody out, unless something is pending', async () => {
  const { db } = byCommand;
  await db('knex_migrations_lock').update({ is_locked: 1 });
  await using started = run('src/db/migrate-cli.ts', serviceEnv(byCommand));
  expect(await started.ended).toEqual({ code: 0, signal: null });

  await db('knex_migrations')
    .where({ name: files.at(-1) })
    .delete();
  await using refused = run('src/db/migrate-cli.ts', serviceEnv(byCommand));
  expect(await refused.ended).toEqual({ code: 1, signal: null });
  expect(refused.written.stderr).toMatch(/can not start: .*npx knex migrate:unlock\n$/);
  expect(await db('knex_migrations_lock').pluck('is_locked')).toEqual([1]);
});
