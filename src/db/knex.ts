import knex, { type Knex } from 'knex';
import pg from 'pg';
import type { Logger } from '../logger.ts';
import { sharing } from '../sharing.ts';
import { endConnection } from './end-connection.ts';
import { broken, isDataError, isOfDatabase, isReadOnlyError, markOfDatabase, unusable } from './errors.ts';
import { connecting, type Kind, limited } from './limits.ts';

export type { Knex } from 'knex';

/** int8 as a number: Stripe's amounts are JSON numbers, and ours go out as such. */
function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw new RangeError(`${text} is beyond the integers that JSON carries exactly`);
  return value;
}

const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 && format !== 'binary'
      ? safeInteger
      : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/** knex logs errors with their stacks, and whoever gets the error reports it as well. */
function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? '';
}

/**
 * Of each statement that gets no connection: in an outage, two lines of three. And of whatever keeps knex from its migrations'
 * lock, how a lock that is taken is freed.
 */
const TOLD_ANYWAY = /^Acquire connection error|^If you are sure migrations are not running/;

interface Options {
  readonly kind: Kind;
  readonly max: number;
  /** Done before each connection is opened. */
  readonly before?: () => Promise<unknown>;
  readonly log: Logger;
}

/** A pool of at most `max` connections. Opening it connects nothing yet. */
export function openPool(url: string, { kind, max, before, log }: Options): Knex {
  /** The connections, by knex's name for them, that led to a server which takes no changes. */
  const readOnly = new Set<string>();
  /**
   * A connection whose last statement was given up waits for its answer for ever when nobody is there any more (a
   * network that swallows packets, a failover), and one to a standby or to the primary of yesterday stays there, wherever
   * the address leads by now: neither is handed out again.
   */
  const isFit = (connection: { readyForQuery: boolean; __knexUid: string }) =>
    connection.readyForQuery && !readOnly.delete(connection.__knexUid);
  const { connectionTimeoutMillis, acquireConnectionTimeout } = connecting[kind];
  const settings = {
    connectionString: url,
    application_name: `checkout-fulfillment ${kind}`,
    connectionTimeoutMillis,
    keepAlive: true,
    // Networks forget what is silent, without a word: AWS after 350 s, Azure after 4 minutes. Linux would ask after two hours.
    keepAliveInitialDelayMillis: 60_000,
    types,
  };
  const db = knex({
    compileSqlOnError: false,
    client: 'pg',
    // Until it is answered, knex asks for each connection that it opens.
    connection: sharing(() => limited(settings, { kind, log }) as Promise<Knex.PgConnectionConfig>),
    // One connection stays open, so that a lone event after a quiet hour is as quick as any.
    pool: { min: 1, max, validate: isFit },
    acquireConnectionTimeout,
    log: {
      debug: (message: string) => log.debug(message),
      warn: (message: string) => log[TOLD_ANYWAY.test(message) ? 'debug' : 'warn'](firstLine(message)),
      error: (message: string) => log.error(firstLine(message)),
      deprecate: (method: string, instead: string) =>
        log.warn(`knex: ${method} is deprecated, use ${instead}`),
    },
  });
  const { client } = db;
  client.destroyRawConnection = endConnection;
  const acquire = client.acquireConnection.bind(client);
  client.acquireConnection = () =>
    acquire().catch((error: Error) => {
      // Its own words ask an operator about a programmer's mistake, and know of nothing but a full pool.
      if (error instanceof knex.KnexTimeoutError)
        error.message = `no connection to PostgreSQL within ${acquireConnectionTimeout / 1_000} s: it does not answer, or all of DATABASE_POOL_MAX are in use`;
      else if (kind === 'ops' && !isOfDatabase(error)) error.message = unusable(error);
      markOfDatabase(error);
      throw error;
    });
  const open = client.acquireRawConnection.bind(client);
  client.acquireRawConnection = async () => {
    // Not in `connection` above: knex calls that once, and this is for each connection.
    await before?.();
    const connection = await open();
    // PostgreSQL says why it ends one that waits, as for idle_session_timeout. knex's warning had forgotten it over the end.
    connection.once('error', ({ message }: Error) =>
      connection.once('end', () => {
        connection.__knex__disposed = message;
      }),
    );
    return connection;
  };
  // Messages end up in logs, where a customer's data must not stand. knex begins them with the statement, and
  // PostgreSQL's own part quotes a value that it can't take. Operators see that: the value is what they typed.
  db.on('query-error', (error: Error & { code?: string }, { sql, __knexUid }: Statement) => {
    if (isReadOnlyError(error)) readOnly.add(__knexUid);
    if (error.message.startsWith(sql)) error.message = error.message.slice(`${sql} - `.length);
    if (kind !== 'ops' && isDataError(error))
      error.message = `PostgreSQL can't take a value (SQLSTATE ${error.code})`;
    if (kind === 'ops' && !(error instanceof pg.DatabaseError) && !isOfDatabase(error))
      error.message = broken(error);
    markOfDatabase(error);
  });
  return db;
}

/** As knex tells of it. */
interface Statement {
  readonly sql: string;
  readonly __knexUid: string;
}
