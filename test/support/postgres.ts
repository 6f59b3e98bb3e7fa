import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { ensureCluster } from '../../src/db/embedded/cluster.ts';
import { urlOf } from '../../src/db/embedded/connection.ts';
import { freePort } from '../../src/db/embedded/free-port.ts';
import { type Home, openHome, spawnAtHome } from '../../src/db/embedded/home.ts';
import { atEnd } from './at-end.ts';
import { testBinaries } from './binaries.ts';
import { until } from './until.ts';

/** A PostgreSQL server to be maltreated: fsync is on, and nobody brings it back but the test. */
export interface PostgresServer {
  readonly home: Home;
  readonly url: string;
  /** Resolves once it lets somebody in. */
  start(settings?: Readonly<Record<string, string | number>>): Promise<void>;
  /** Resolves once it is gone. `SIGQUIT` is PostgreSQL's immediate shutdown: no checkpoint, a recovery to do. */
  end(signal: 'SIGQUIT' | 'SIGINT'): Promise<void>;
}

/** Where a server's data can be, until the test file ends. */
export function serverDir(): Promise<string> {
  return mkdtemp(path.join(tmpdir(), 'checkout-fulfillment-postgres-'));
}

/** On the directory's data, made if there are none. Both are gone when the test file ends. */
export async function openPostgres(dir: string): Promise<PostgresServer> {
  const home = await openHome(dir);
  const binaries = await testBinaries(home);
  await ensureCluster(home, binaries);
  const port = await freePort();
  const url = await urlOf(home, port, 'postgres');
  let pid: number | undefined;
  let ended: Promise<unknown> = Promise.resolve();

  const server: PostgresServer = {
    home,
    url,
    async start(settings = {}) {
      await using log = await open(home.serverLog, 'a');
      const own = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings };
      const options = Object.entries(own).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      const child = spawnAtHome(
        home,
        path.join(binaries.bin, 'postgres'),
        (at) => ['-D', path.join(at, 'data'), ...options],
        { output: log.fd },
      );
      pid = child.pid;
      const gone = once(child, 'exit').then(() => {
        pid = undefined;
      });
      ended = gone;
      const failed = gone.then(() => {
        throw new Error(`PostgreSQL did not start: see ${home.serverLog}`);
      });
      failed.catch(() => {});
      await Promise.race([until('PostgreSQL lets somebody in', () => answers(url), 60), failed]);
    },
    async end(signal) {
      if (pid !== undefined) process.kill(pid, signal);
      await ended;
    },
  };
  atEnd(async () => {
    await server.end('SIGQUIT');
    await rm(dir, { recursive: true, force: true });
  });
  return server;
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
