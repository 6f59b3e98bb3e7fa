import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { pino } from 'pino';
import { type Binaries, findBinaries, findSystemBinaries } from '../../src/db/embedded/binaries.ts';
import type { Home } from '../../src/db/embedded/home.ts';
import { startEmbeddedPostgres } from '../../src/db/embedded/launcher.ts';
import { type Knex, openPool } from '../../src/db/knex.ts';
import { migrate } from '../../src/db/migrate.ts';

export const log = pino({ level: 'warn' });

/** Every setting as it comes, fsync and synchronous_commit on, but for these, which any server for production is given. */
const settings = {
  max_connections: '200',
  // A quarter of the memory, as PostgreSQL's own documentation advises.
  shared_buffers: `${Math.round(os.totalmem() / 4 / 2 ** 20)}MB`,
  max_wal_size: '4GB',
  min_wal_size: '2GB',
};

/** Of the names of databases. */
const PREFIX = 'bench_';

export interface Postgres extends AsyncDisposable {
  /** The postmaster. */
  readonly pid: number;
  readonly version: string;
  /** A new database with every migration. */
  createDatabase(): Promise<BenchDatabase>;
}

export interface BenchDatabase extends AsyncDisposable {
  readonly url: string;
  readonly db: Knex;
}

export async function startPostgres(dir: string): Promise<Postgres> {
  const server = await startEmbeddedPostgres({ dir, log, settings, binaries: asInProduction });
  const admin = openPool(server.url, { kind: 'migration', max: 1, log });
  const { rows } = await admin.raw<{ rows: [{ pid: number; version: string }] }>(
    `select (regexp_match(pg_read_file('postmaster.pid'), '^\\d+'))[1]::int as pid,
       current_setting('server_version') as version`,
  );
  const [{ pid, version }] = rows;
  await dropForsaken(admin);
  await settle(admin);
  return {
    pid,
    version,
    createDatabase: async () => {
      const name = `${PREFIX}${randomBytes(6).toString('hex')}`;
      await admin.raw('create database :name:', { name });
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      await migrate(url.href, log);
      const db = openPool(url.href, { kind: 'migration', max: 2, log });
      return {
        url: url.href,
        db,
        async [Symbol.asyncDispose]() {
          await db.destroy();
          await admin.raw('drop database :name: with (force)', { name });
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await admin.destroy();
      await server.stop();
    },
  };
}

/** The machine's own PostgreSQL, as in production. The embedded one is compiled for size, and without lz4. */
async function asInProduction(home: Home): Promise<Binaries> {
  return (await findSystemBinaries(home)) ?? (await findBinaries(home));
}

/**
 * To where a server is that has run for an hour: 2 GB of shared buffers touched once, and log segments to write over
 * instead of new ones. Without it, the first GB pays the kernel for each new page and segment, and each segment costs 30 ms.
 */
async function settle(admin: Knex): Promise<void> {
  await admin.raw(`begin;
    create table warm_up as select n, repeat(md5(n::text), 60) as filling from generate_series(1, 1080000) as n;
    rollback`);
  await admin.raw('checkpoint');
}

/** What runs that were broken off have left: up to 13 GB each. */
async function dropForsaken(admin: Knex): Promise<void> {
  const { rows } = await admin.raw<{ rows: { name: string }[] }>(
    `select datname as name from pg_database
     where starts_with(datname, '${PREFIX}') and datname not in (select datname from pg_stat_activity where datname is not null)`,
  );
  for (const { name } of rows) await admin.raw('drop database :name:', { name });
}
