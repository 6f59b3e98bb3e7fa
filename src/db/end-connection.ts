import type pg from 'pg';
import { atMost } from '../at-most.ts';

/** Short enough that whoever waits for another connection can still get one in time. */
const END_WITHIN_MS = 1_000;

/**
 * Waits until PostgreSQL has ended the connection, since it may grant no second one beside it. But not for ever: where a
 * network swallowed the end, no other connection was opened, and a command that had told its result never came to its end.
 */
export async function endConnection(client: pg.Client): Promise<void> {
  await atMost(END_WITHIN_MS, client.end());
  client.connection.stream.destroy();
}
