import pg from 'pg';
import type { Logger } from '../logger.ts';
import { unusable } from './errors.ts';

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

/** What this side waits for an answer: PostgreSQL gives up first, unless it, or the way to it, is gone. */
const query_timeout = { web: 4_500, worker: 11_000, ops: 31_000, migration: 0 } as const;

const idle_in_transaction_session_timeout = 10_000;

/**
 * What a connection may take to open, and what whoever wants one waits: for two of them, where it is the first and is tried
 * out before. A delivery can't wait longer. A start or a command can, and has one try: where a connection took 1.6 s, far
 * away or on a busy machine, each of them failed, with knex's advice to programmers.
 */
const hurried = { connectionTimeoutMillis: 2_000, acquireConnectionTimeout: 3_000 };
const unhurried = { connectionTimeoutMillis: 5_000, acquireConnectionTimeout: 12_000 };
export const connecting = { web: hurried, worker: hurried, ops: unhurried, migration: unhurried } as const;

/**
 * The settings of a connection, with the limits that PostgreSQL is asked to keep while it lasts. A pooler of
 * transactions has no such connection: pgbouncer refuses the request (or drops it, where it is told to), and a `set`
 * would stay with one server's connection and its next user. There the limits are the role's own, set by whoever runs the
 * database (docs/scaling.md). Where neither is, answers are as quick, but what was given up goes on waiting in
 * PostgreSQL and takes a connection each time: that is worth a warning.
 */
export async function limited(
  settings: pg.ClientConfig,
  { kind, log }: { kind: Kind; log: Logger },
): Promise<pg.ClientConfig> {
  const patient = { ...settings, query_timeout: query_timeout[kind] };
  const asking = { ...patient, ...limits[kind], idle_in_transaction_session_timeout };
  const { taken, inForce } = await tryOut(asking, patient).catch((error) => {
    if (kind === 'ops') error.message = unusable(error);
    throw error;
  });
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
  // Its end in the middle comes back from the query as well.
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query("select current_setting('statement_timeout') as it");
    return rows[0].it;
  } finally {
    await client.end();
  }
}

/** pgbouncer's words, with the SQLSTATE of a breach of the protocol; Amazon's RDS Proxy has that of a feature that it lacks. */
function isRefusedParameter(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return code === '0A000' || (code === '08P01' && /startup parameter/.test(message ?? ''));
}
