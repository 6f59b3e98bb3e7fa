import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import { startEmbeddedPostgres } from './embedded/launcher.ts';
import { type Knex, openPool } from './knex.ts';

/** A PostgreSQL server to connect to: `url`, until `stop`. */
export interface Database {
  readonly url: string;
  stop(): Promise<void>;
}

/** The configured server, or the embedded one. */
export async function openDatabase(
  { database, dataDir }: Pick<Config, 'database' | 'dataDir'>,
  log: Logger,
): Promise<Database> {
  if (database.url !== null) return { url: database.url, stop: async () => {} };
  return startEmbeddedPostgres({ dir: `${dataDir}/postgres`, log });
}

/** What a command asks it with; let go with `opened`. */
export async function openOpsPool(config: Config, log: Logger, opened: AsyncDisposableStack): Promise<Knex> {
  const database = await openDatabase(config, log);
  opened.defer(() => database.stop());
  const db = openPool(database.url, { kind: 'ops', max: 2, log });
  opened.defer(() => db.destroy());
  return db;
}
