import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import { startEmbeddedPostgres } from './embedded/launcher.ts';

/** A PostgreSQL server to connect to: `url`, until `stop`. */
export interface Database {
  readonly url: string;
  stop(): Promise<void>;
}

/** The configured server, or the embedded one. */
export async function openDatabase({ database, dataDir }: Config, log: Logger): Promise<Database> {
  if (database.url !== null) return { url: database.url, stop: async () => {} };
  return startEmbeddedPostgres({ dir: `${dataDir}/postgres`, log });
}
