import type pg from 'pg';
import { atMost } from '../at-most.ts';

/** Those who wait for another connection have some of their time left then. */
const END_WITHIN_MS = 1_000;

/**
 * Its end is waited for, since PostgreSQL may grant just one connection. Where a network swallowed it, nobody heard of it: no
 * other connection was opened, and a command that had told its result went on for ever.
 */
export async function endConnection(client: pg.Client): Promise<void> {
  await atMost(END_WITHIN_MS, client.end());
  client.connection.stream.destroy();
}
