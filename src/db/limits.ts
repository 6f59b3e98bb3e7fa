import pg from 'pg';
import type { Logger } from '../logger.ts';
import { endConnection } from './end-connection.ts';

/**
 * How long a process of each kind lets PostgreSQL take, in milliseconds. The web's figures keep every
 * answer under five seconds: without them 10 of 60 requests hung for 12 s on a locked table, with
 * them all 60 had their 503 within 4.04 s.
 */
const limits = {
  web: { statement_timeout: 4_000, lock_timeout: 2_000 },
  worker: { statement_timeout: 10_000, lock_timeout: 5_000 },
  ops: { statement_timeout: 30_000, lock_timeout: 5_000 },
  migration: { statement_timeout: 0, lock_timeout: 0 },
} as const;

export type Kind = keyof typeof limits;

/** What this side waits for an answer, in milliseconds: PostgreSQL gives up first, unless it, or the way to it, is gone. */
export const patience = { web: 4_500, worker: 11_000, ops: 31_000, migration: 0 } as const;

const idle_in_transaction_session_timeout = 10_000;

/**
 * `connectionTimeoutMillis` is what a connection may take to open, `acquireConnectionTimeout` what a statement waits for
 * one: that covers two openings, since before the first connection its settings are tried out on another one. A delivery
 * can't wait for longer. A start or a command can, and has only one try: with the limits of a delivery each of them
 * failed where a connection took 1.6 s (a server far away, a busy machine).
 */
const hurried = { connectionTimeoutMillis: 2_000, acquireConnectionTimeout: 3_000 };
const unhurried = { connectionTimeoutMillis: 5_000, acquireConnectionTimeout: 12_000 };
export const connecting = { web: hurried, worker: hurried, ops: unhurried, migration: unhurried } as const;

/**
 * The settings of a connection, with time limits that PostgreSQL keeps for as long as the connection lasts. Behind a
 * pooler of transactions they can't be asked for: pgbouncer refuses them (or drops them, where it is told to), and a
 * `set` would stay with the server's connection, and so with its next user. There the limits must be the role's own, set
 * by whoever runs the database (docs/scaling.md). Where there are neither, answers are as quick, but a statement that was
 * given up goes on waiting in PostgreSQL and keeps its connection: that is worth a warning.
 */
export async function limited(
  settings: pg.ClientConfig,
  { kind, log }: { kind: Kind; log: Logger },
): Promise<pg.ClientConfig> {
  const patient = { ...settings, query_timeout: patience[kind] };
  const asking = { ...patient, ...limits[kind], idle_in_transaction_session_timeout };
  const { taken, inForce } = await tryOut(asking, patient);
  if (kind !== 'migration' && inForce === '0')
    log.warn(
      'PostgreSQL is reached through a pooler that sets no statement_timeout, and the role has none: see docs/scaling.md',
    );
  return taken;
}

async function tryOut(asking: pg.ClientConfig, patient: pg.ClientConfig) {
  try {
    return { taken: asking, inForce: await statementTimeout(asking) };
  } catch (error) {
    if (!isRefusedParameter(error)) throw error;
    return { taken: patient, inForce: await statementTimeout(patient) };
  }
}

async function statementTimeout(settings: pg.ClientConfig): Promise<string> {
  const client = new pg.Client(settings);
  // Where the connection breaks, the query fails as well, and tells.
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query("select current_setting('statement_timeout') as it");
    return rows[0].it;
  } finally {
    await endConnection(client);
  }
}

/** pgbouncer's words, with the SQLSTATE of a breach of the protocol; Amazon's RDS Proxy has that of a feature that it lacks. */
function isRefusedParameter(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return code === '0A000' || (code === '08P01' && /startup parameter/.test(message ?? ''));
}
