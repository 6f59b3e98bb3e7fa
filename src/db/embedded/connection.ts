import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { messageOf, SetupError } from '../../errors.ts';
import type { Home } from './home.ts';
import { findPostmaster } from './postmaster.ts';

// @types/pg leaves it out.
type Client = pg.Client & { unref(): void };

/** A connection that stays open, idle: its end is how a process learns at once that the server went away. */
export interface Connection {
  readonly client: Client;
  readonly port: number;
  readonly ended: Promise<void>;
}

export async function urlOf(home: Home, port: number, database: string): Promise<string> {
  const password = await readFile(home.password, 'utf8');
  return `postgres://postgres:${password}@127.0.0.1:${port}/${database}?sslmode=disable`;
}

/** Long enough for the recovery of a large write-ahead log. */
const PATIENCE_MS = 60_000;

/** Connects to the server once it is ready; to nothing if it ends before. */
export async function connectWhenReady(
  home: Home,
  { runs, signal }: { runs: () => Promise<boolean>; signal: AbortSignal },
): Promise<Connection | undefined> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.2, 500)) {
    signal.throwIfAborted();
    // Not before the server itself says so: another program may be listening on a port that this one can't get.
    const postmaster = await findPostmaster(home);
    let obstacle: unknown = 'it is not ready';
    if (postmaster?.ready) {
      try {
        return await connect(home, postmaster.port);
      } catch (error) {
        obstacle = error;
      }
    }
    if (!(await runs())) return undefined;
    if (performance.now() > deadline || isRefusal(obstacle)) {
      throw new SetupError(
        `PostgreSQL runs on ${home.data}, but lets nobody in: ${messageOf(obstacle)}. See ${home.serverLog}.`,
      );
    }
    await pause(pauseMs);
  }
}

async function connect(home: Home, port: number): Promise<Connection> {
  const client = new pg.Client({
    connectionString: await urlOf(home, port, 'postgres'),
    connectionTimeoutMillis: 2_000,
    query_timeout: 30_000,
    application_name: 'checkout-fulfillment launcher',
  }) as Client;
  const ended = new Promise<void>((resolve) => {
    client.once('end', resolve);
  });
  // Without a listener an error would end the process; what follows it is the end of the connection.
  client.on('error', () => {});
  await client.connect();
  return { client, port, ended };
}

/** A wrong password stays wrong. */
const isRefusal = (error: unknown): boolean => String((error as { code?: string }).code).startsWith('28');
