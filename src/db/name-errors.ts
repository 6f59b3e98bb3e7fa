import knex, { type Knex } from 'knex';
import pg from 'pg';
import { broken, isDataError, isOfDatabase, markOfDatabase, unusable } from './errors.ts';
import { connecting, type Kind, patience } from './limits.ts';

/**
 * Marks each error of a pool as the database's, and gives it a message for the log, where a customer's data must not stand.
 * An operator of `ops` sees them: they are what was typed.
 */
export function nameErrors(pool: Knex, kind: Kind): void {
  nameErrorsOfConnections(pool, kind);
  nameErrorsOfStatements(pool, kind);
}

function nameErrorsOfConnections({ client }: Knex, kind: Kind): void {
  const { acquireConnectionTimeout, connectionTimeoutMillis } = connecting[kind];
  const noConnection = (ms: number) =>
    `no connection to PostgreSQL within ${ms / 1_000} s: it does not answer`;
  const acquire = client.acquireConnection.bind(client);
  client.acquireConnection = () =>
    acquire().catch((error: Error) => {
      // pg's own words passed for those of a statement that takes too long.
      if (error.message === 'timeout expired') error.message = noConnection(connectionTimeoutMillis);
      // knex's ask an operator about a programmer's mistake, and know of nothing but a full pool.
      if (error instanceof knex.KnexTimeoutError)
        error.message = `${noConnection(acquireConnectionTimeout)}, or all of DATABASE_POOL_MAX are in use`;
      else if (kind === 'ops' && !isOfDatabase(error)) error.message = unusable(error);
      markOfDatabase(error);
      throw error;
    });
}

/**
 * knex begins a message with the statement, PostgreSQL's own part quotes a value that it can't take, and pg's does not say
 * who was waited for.
 */
function nameErrorsOfStatements(pool: Knex, kind: Kind): void {
  pool.on('query-error', (error: Error & { code?: string }, { sql }: { sql: string }) => {
    if (error.message.startsWith(sql)) error.message = error.message.slice(`${sql} - `.length);
    if (error.message === 'Query read timeout')
      error.message = `no answer from PostgreSQL within ${patience[kind] / 1_000} s`;
    if (kind !== 'ops' && isDataError(error))
      error.message = `PostgreSQL can't take a value (SQLSTATE ${error.code})`;
    if (kind === 'ops' && !(error instanceof pg.DatabaseError) && !isOfDatabase(error))
      error.message = broken(error);
    markOfDatabase(error);
  });
}
