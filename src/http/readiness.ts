import type { Knex } from '../db/knex.ts';
import { expectChangesTaken, pendingMigrations } from '../db/migrations.ts';
import { sharing } from '../sharing.ts';

/**
 * Asks for the migrations that are missing: with none, the database can be worked with.
 * @throws where the database does not answer, or has them all and takes no changes
 */
export type Readiness = () => Promise<string[]>;

export function readinessOf(db: Knex): Readiness {
  return sharing(async () => {
    const pending = await pendingMigrations(db);
    if (pending.length === 0) await expectChangesTaken(db);
    return pending;
  });
}
