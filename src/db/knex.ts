import knex, { type Knex } from 'knex';
import pg from 'pg';
import type { Logger } from '../logger.ts';
import { sharing } from '../sharing.ts';
import { endConnection } from './end-connection.ts';
import { isReadOnlyError } from './errors.ts';
import { connecting, type Kind, limited } from './limits.ts';
import { nameErrors } from './name-errors.ts';

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
 * Lines of knex's that say nothing new: one for each statement that gets no connection, two lines of three in an outage; and
 * how a migrations' lock is freed, whatever it was that kept knex from the lock.
 */
const TOLD_ANYWAY = /^Acquire connection error|^If you are sure migrations are not running/;

function knexLog(log: Logger): Knex.Logger {
  return {
    debug: (message: string) => log.debug(message),
    warn: (message: string) => log[TOLD_ANYWAY.test(message) ? 'debug' : 'warn'](firstLine(message)),
    error: (message: string) => log.error(firstLine(message)),
    deprecate: (method, instead) => log.warn(`knex: ${method} is deprecated, use ${instead}`),
  };
}

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
   * the address leads by now: neither is handed out again. Nor is one that was answered after all, and is in the
   * transaction that was given up with it: an event was answered 200 there, and was never committed.
   */
  const isFit = (connection: pg.Client & { readyForQuery: boolean; __knexUid: string }) =>
    connection.readyForQuery &&
    connection.getTransactionStatus() === 'I' &&
    !readOnly.delete(connection.__knexUid);
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
    log: knexLog(log),
  });
  db.client.destroyRawConnection = endConnection;
  prepareConnections(db, before);
  nameErrors(db, kind);
  db.on('query-error', (error: Error, { __knexUid }: { __knexUid: string }) => {
    if (isReadOnlyError(error)) readOnly.add(__knexUid);
  });
  return db;
}

function prepareConnections({ client }: Knex, before: Options['before']): void {
  const open = client.acquireRawConnection.bind(client);
  client.acquireRawConnection = async () => {
    // Not in openPool's `connection`: knex calls that once, and this is for each connection.
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
}
