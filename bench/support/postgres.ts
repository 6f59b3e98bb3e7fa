import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { startEmbeddedPostgres } from '../../src/db/embedded/launcher.ts';
import { type Knex, openPool } from '../../src/db/knex.ts';
import { migrate } from '../../src/db/migrations.ts';

export const log = pino({ level: 'warn' });

/** The PostgreSQL of a run: every setting as it comes, fsync and synchronous_commit on, but for these. */
const settings = {
  max_connections: '200',
  // What any PostgreSQL for production is given.
  shared_buffers: '1GB',
  max_wal_size: '4GB',
};

export interface Postgres extends AsyncDisposable {
  /** The postmaster. Null for a server elsewhere. */
  readonly pid: number;
  /** A new database with every migration. */
  createDatabase(): Promise<BenchDatabase>;
}

export interface BenchDatabase extends AsyncDisposable {
  readonly url: string;
  readonly db: Knex;
}

export async function startPostgres(dir: string): Promise<Postgres> {
  const server = await startEmbeddedPostgres({ dir, log, settings });
  const admin = openPool(server.url, { kind: 'migration', max: 1, log });
  const { rows } = await admin.raw<{ rows: { pid: number }[] }>(
    `select (regexp_match(pg_read_file('postmaster.pid'), '^\\d+'))[1]::int as pid`,
  );
  return {
    pid: rows[0]?.pid as number,
    createDatabase: async () => {
      const name = `bench_${randomBytes(6).toString('hex')}`;
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
