import { setTimeout as pause } from 'node:timers/promises';
import { messageOf, SetupError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import {
  isDenied,
  isLockTimeout,
  isReadOnlyError,
  isStatementError,
  isTableTaken,
  unusable,
} from './errors.ts';
import { unfitBecause } from './fitness.ts';
import { type Knex, openPool } from './knex.ts';
import { expectChangesTaken, migrationFiles, migrations } from './migrations.ts';

/** Any constant that nobody else takes for an advisory lock in this database. */
const MIGRATION_LOCK = 4_242_001;

/**
 * Brings the schema up to date: all pending migrations commit together or not at all, and processes
 * that start at once take turns. The lock is an advisory one of the transaction, since knex's own
 * lock row fails instead of waiting, survives a killed process, and needs a table that an empty
 * database does not have; and a lock of the session would break behind pgbouncer.
 * @throws {SetupError} when the database can't be reached, or can't be used as it is
 */
export async function migrate(url: string, log: Logger): Promise<void> {
  const db = openPool(url, { kind: 'migration', max: 1, log });
  try {
    await expectServer(db);
    const migrating = db.transaction(async (trx) => {
      // The role's own limits, where there are any, are for what somebody waits for. PostgreSQL before 17 has two of them.
      await trx.raw(
        `select set_config(name, '0', true) from pg_settings
         where name in ('statement_timeout', 'lock_timeout', 'transaction_timeout')`,
      );
      await trx.raw('select pg_advisory_xact_lock(?)', [MIGRATION_LOCK]);
      const [applied, pending] = (await trx.migrate.list(migrations)) as [unknown[], unknown[]];
      // With our migrations among its own, that program could migrate no more, and reconcile would take the day of its
      // first migration for that on which this database was made.
      if (applied.length > 0 && pending.length === (await migrationFiles()).length)
        throw new SetupError(
          'Another program keeps its migrations in knex_migrations: give this one a database of its own',
        );
      if (pending.length === 0) {
        // Not by way of knex's lock row: one that a killed `npx knex migrate:latest` left would keep everyone out.
        await expectChangesTaken(trx);
        return [];
      }
      return applyPending(trx, log);
    });
    const applied = await migrating.catch((error) => {
      throw new SetupError(explanationOf(error), { cause: error });
    });
    if (applied.length > 0) log.info({ migrations: applied }, 'database migrated');
  } finally {
    await db.destroy();
  }
}

/**
 * A migration that waits for a table, while a long query reads it, keeps deliveries waiting behind it. After this time it
 * lets them pass, and tries again later.
 */
const WAITS_FOR_TABLES = '1s';
const AGAIN_MS = 4_000;

async function applyPending(trx: Knex.Transaction, log: Logger): Promise<string[]> {
  await trx.raw(`set local lock_timeout = '${WAITS_FOR_TABLES}'`);
  for (;;) {
    try {
      return await latest(trx);
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      log.warn('a migration waits for a table that is in use, and lets others pass: see pg_stat_activity');
      await pause(AGAIN_MS);
    }
  }
}

async function latest(trx: Knex.Transaction): Promise<string[]> {
  let failed: Error | undefined;
  const note = (error: Error) => {
    failed = error;
  };
  trx.on('query-error', note);
  try {
    const [, names] = (await trx.migrate.latest(migrations)) as [number, string[]];
    return names;
  } catch (error) {
    // Whatever keeps it from its own lock knex calls a lock that is taken.
    throw (error as Error).name === 'MigrationLocked' ? (failed ?? error) : error;
  } finally {
    trx.off('query-error', note);
  }
}

function explanationOf(error: Error): string {
  const message = messageOf(error);
  if (error.name === 'MigrationLocked')
    return "The lock of knex's own commands is taken. If none of them is running, one was killed: npx knex migrate:unlock";
  if (isReadOnlyError(error))
    return `${message}: DATABASE_URL leads to a standby, or the database is set to be read only`;
  if (isDenied(error))
    return `${message}. Let the role of DATABASE_URL own the database. Where another role does, let that one run \`npm run migrate\`, and grant this one what it needs: docs/security.md`;
  if (isTableTaken(error))
    return `${message}. Another program has a table of that name: give this one a database of its own`;
  // The message of a broken connection, or of a rollback that failed over it, does not say that it was the database's.
  return error instanceof SetupError || isStatementError(error) ? message : unusable(error);
}

async function expectServer(db: Knex): Promise<void> {
  const unfit = await unfitBecause(db).catch((error) => {
    throw new SetupError(unusable(error), { cause: error });
  });
  if (unfit !== null) throw new SetupError(`The database of DATABASE_URL can't be used: ${unfit}`);
}
