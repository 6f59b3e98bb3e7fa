import type { EventEmitter } from 'node:events';
import { sharing } from '../sharing.ts';
import type { Knex } from './knex.ts';

/**
 * Resolves once the pool has a connection, and opens one where it has none. A connection whose other end is gone counts
 * as well: only a statement could tell, and while that waited for an answer no delivery had the connection.
 */
export function firstConnectionOf(pool: Knex): () => Promise<void> {
  let connections = 0;
  pool.client.pool.on('createSuccess', (_id: number, connection: EventEmitter) => {
    connections += 1;
    connection.once('end', () => {
      connections -= 1;
    });
  });

  // Shared: two would take two connections.
  const open = sharing(async () => pool.raw('select'));
  return async () => {
    if (connections === 0) await open();
  };
}
