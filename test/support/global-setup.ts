import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { startEmbeddedPostgres } from '../../src/db/embedded/launcher.ts';
import { openPool } from '../../src/db/knex.ts';
import { migrate } from '../../src/db/migrations.ts';

/**
 * One PostgreSQL server for the run, through the service's own launcher (fsync off: it lives no longer
 * than the run), and in it one migrated database that every test file clones.
 */
export default async function setUp(): Promise<void> {
  const log = pino({ level: 'warn' });
  const dir = await mkdtemp(path.join(tmpdir(), 'checkout-fulfillment-test-'));
  const settings = {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    max_connections: '200',
  };
  const server = await startEmbeddedPostgres({ dir, log, settings });

  const admin = openPool(server.url, { kind: 'migration', max: 1, log });
  await admin.raw('create database template_migrated');
  await admin.destroy();
  const template = new URL(server.url);
  template.pathname = '/template_migrated';
  await migrate(template.href, log);

  process.env.TEST_POSTGRES_URL = server.url;
  Object.assign(globalThis, {
    stopTestServer: async () => {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  });
}
