import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isTableMissing } from './errors.ts';
import type { Knex } from './knex.ts';

/** Shared with knexfile.ts, so that knex's own command line agrees with the service. */
export const migrations: Knex.MigratorConfig = {
  directory: path.join(import.meta.dirname, '..', '..', 'migrations'),
  loadExtensions: ['.ts'],
  extension: 'ts',
  // A database that a newer release has migrated is no fault: while processes are replaced one by one, or a release is taken
  // back, older ones start beside it.
  disableMigrationsListValidation: true,
};

export async function migrationFiles(): Promise<string[]> {
  const files = await readdir(migrations.directory as string);
  return files.filter((file) => file.endsWith('.ts'));
}

/** The migrations that this code brings and the database does not have yet. */
export async function pendingMigrations(db: Knex): Promise<string[]> {
  const applied = new Set(await appliedMigrations(db));
  return (await migrationFiles()).filter((file) => !applied.has(file));
}

/**
 * Asks by a statement that changes nothing. Its table is one that whoever starts the service may change in any case.
 * @throws an error of which isReadOnlyError is true, where the server takes no changes
 */
export async function expectChangesTaken(db: Knex): Promise<void> {
  await db.raw('select from knex_migrations_lock where false for update');
}

/** When the database was made, in seconds since 1970. */
export async function madeAt(db: Knex): Promise<number> {
  const { rows } = await db.raw<{ rows: [{ at: number }] }>(
    'select floor(extract(epoch from min(migration_time)))::int8 as at from knex_migrations',
  );
  return rows[0].at;
}

async function appliedMigrations(db: Knex): Promise<string[]> {
  try {
    return await db('knex_migrations').pluck('name');
  } catch (error) {
    if (isTableMissing(error)) return [];
    throw error;
  }
}
