import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import type { Database } from './database.ts';
import { firstConnectionOf } from './first-connection.ts';
import { type Knex, openPool } from './knex.ts';

/**
 * DATABASE_POOL_MAX connections in all, in two pools, so that a busy worker leaves the web its own; a single connection
 * is shared. Where PostgreSQL grants fewer, the worker could take them all: it opens none before the web has one, which
 * stays open.
 */
export function openPools({ role, database: { poolMax } }: Config, { url }: Database, log: Logger) {
  const workerMax = role === 'web' ? 0 : role === 'worker' ? poolMax - 1 : Math.floor(poolMax / 2);
  const web = openPool(url, { kind: 'web', max: poolMax - workerMax, log });
  const webFirst = firstConnectionOf(web);
  const worker =
    workerMax === 0 ? web : openPool(url, { kind: 'worker', max: workerMax, before: webFirst, log });
  const byName: Readonly<Record<string, Knex>> = worker === web ? { web } : { web, worker };
  const destroy = () => Promise.all(Object.values(byName).map((pool) => pool.destroy()));
  return { web, worker, byName, webFirst, destroy };
}

export type Pools = ReturnType<typeof openPools>;
