import pg from 'pg';
import { messageOf } from '../errors.ts';

/** What a person is told where no server can be asked: an error of the network alone does not say that it is the database. */
export function unusable(error: unknown): string {
  return `No PostgreSQL can be used at DATABASE_URL: ${messageOf(error)}`;
}

/** The same where a statement was under way. Of a commit whose answer is lost nobody here knows whether it was made. */
export function broken(error: unknown): string {
  return `The connection to PostgreSQL broke (${messageOf(error)}): what was asked of it last may have been done all the same`;
}

const databases = new WeakSet<object>();

/** Marks an error as PostgreSQL's, or as one of the way there: the error of a broken connection does not say whose it was. */
export function markOfDatabase(error: object): void {
  databases.add(error);
}

export function isOfDatabase(error: unknown): boolean {
  return databases.has(Object(error));
}

/** Classes of SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html) that speak of the server. */
const SERVER_CLASSES = new Set(['08', '25', '53', '57', '58', 'F0', 'XX']);

/**
 * Whether an error is about the statement (its data, a lock on a row, a deadlock) and not about the
 * server, the network or the pool: another statement may succeed right now.
 */
export function isStatementError(error: unknown): boolean {
  const sqlClass = classOf(error);
  return sqlClass !== null && !SERVER_CLASSES.has(sqlClass);
}

/** Whether PostgreSQL will never take these data: they are malformed (22), or beyond a limit of the program (54). */
export function isDataError(error: unknown): boolean {
  return ['22', '54'].includes(classOf(error) ?? '');
}

const is = (sqlState: string) => (error: unknown) => (error as { code?: unknown } | null)?.code === sqlState;

/** The server takes no changes: it is a standby, or was told to take none. */
export const isReadOnlyError = is('25006');
export const isLockTimeout = is('55P03');
export const isDiskFull = is('53100');
export const isTableMissing = is('42P01');
export const isTableTaken = is('42P07');
/** The role may not do what it was asked to. */
export const isDenied = is('42501');

/** Null: it is not PostgreSQL's. Node's code of a broken connection, EPIPE, has the form of an SQLSTATE as well. */
function classOf(error: unknown): string | null {
  return error instanceof pg.DatabaseError ? (error.code?.slice(0, 2) ?? null) : null;
}
