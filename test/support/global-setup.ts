import path from 'node:path';
import { pino } from 'pino';
import { startEmbeddedPostgres } from '../../src/db/embedded/launcher.ts';
import { openPool } from '../../src/db/knex.ts';
import { migrate } from '../../src/db/migrate.ts';
import { testBinaries } from './binaries.ts';
import { newId } from './new-id.ts';

/** Kept between runs: the next start is quick, and what a killed run left behind is taken over by the next one. */
const dir = path.join(import.meta.dirname, '..', '..', '.data', 'test-postgres');

/**
 * One PostgreSQL server for the run, through the service's own launcher (fsync off: nothing in it matters for
 * longer than the run), and in it one migrated database that every test file clones.
 */
export default async function setUp(): Promise<void> {
  const log = pino({ level: 'warn' });
  const settings = {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    max_connections: '400',
  };
  const server = await startEmbeddedPostgres({ dir, log, settings, binaries: testBinaries });
  const admin = openPool(server.url, { kind: 'migration', max: 1, log });
  const template = newId('template');
  await admin.raw('create database :template:', { template });
  const url = new URL(server.url);
  url.pathname = `/${template}`;
  await migrate(url.href, log);

  process.env.TEST_POSTGRES_URL = server.url;
  process.env.TEST_POSTGRES_TEMPLATE = template;
  Object.assign(globalThis, {
    stopTestServer: async () => {
      await admin.raw('drop database :template:', { template });
      await admin.destroy();
      await server.stop();
    },
  });
}
