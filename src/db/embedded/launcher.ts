import { findBinaries } from './binaries.ts';
import { type Connection, urlOf } from './connection.ts';
import { type Home, openHome } from './home.ts';
import { keepServer, type Log } from './keep.ts';
import { isUnlocked, lockShared, withLock } from './lock.ts';
import { stopPostmaster } from './postmaster.ts';
import { adoptServer, type StartOptions, startServer } from './start.ts';

export interface EmbeddedPostgres {
  /** postgres:// URL of the database, loopback TCP, with the random password. */
  readonly url: string;
  /** Leaves the server; the last process to leave stops it. Idempotent. */
  stop(): Promise<void>;
}

interface Options {
  readonly dir: string;
  readonly log: Log;
  readonly binaries?: StartOptions['binaries'];
  /** For a server that is started; one that runs already keeps its own. */
  readonly settings?: Readonly<Record<string, string>>;
}

const database = 'checkout_fulfillment';

/**
 * A PostgreSQL server of the service's own: started where none runs on the directory yet, shared by all processes
 * that ask for it, brought back when it goes away. It outlives a process that is killed, and the next one adopts it.
 */
export async function startEmbeddedPostgres({
  dir,
  log,
  binaries = findBinaries,
  settings = {},
}: Options): Promise<EmbeddedPostgres> {
  const begin = performance.now();
  const home = await openHome(dir);
  const stopping = new AbortController();
  const { signal } = stopping;
  const serve = async (alone: boolean) =>
    (await adoptServer(home, signal)) ?? (await startServer(home, { binaries, settings, alone, signal }));

  const { connection, leave } = await withLock(home.startLock, async () => {
    const connection = await serve(isUnlocked(home.attachedLock));
    await ensureDatabase(home, connection);
    return { connection, leave: await lockShared(home.attachedLock) };
  });
  log.info(
    { port: connection.port, ms: Math.round(performance.now() - begin) },
    'embedded PostgreSQL is ready',
  );

  const revive = () =>
    withLock(home.startLock, () => {
      signal.throwIfAborted();
      return serve(false);
    });
  void keepServer(connection, { revive, log, signal });

  return {
    url: await urlOf(home, connection.port, database),
    async stop() {
      stopping.abort();
      await withLock(home.startLock, async () => {
        leave();
        if (isUnlocked(home.attachedLock)) await stopPostmaster(home);
        else log.info('embedded PostgreSQL goes on for the other processes that use it');
      });
    },
  };
}

async function ensureDatabase(home: Home, { client }: Connection): Promise<void> {
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${database}`);
  } catch (error) {
    await client.end();
    // A full disk, say: the process ends with this, and nobody else would stop the server.
    if (isUnlocked(home.attachedLock)) await stopPostmaster(home);
    throw error;
  }
}
