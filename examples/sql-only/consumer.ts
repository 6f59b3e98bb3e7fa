import { readFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';

/** A notification may be lost (the connection was away, a pooler is between); the poll misses nothing. */
const POLL_MS = 5_000;

const take = await readFile(path.join(import.meta.dirname, 'take.sql'), 'utf8');
const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();

let bell = Promise.withResolvers<void>();
client.on('notification', () => bell.resolve());
await client.query('listen order_paid');
console.log('waiting for paid orders');

for (;;) {
  bell = Promise.withResolvers<void>();
  const { rowCount } = await client.query(take);
  if (rowCount) {
    console.log(`shipped ${rowCount} line items`);
    continue;
  }
  const timer = setTimeout(() => bell.resolve(), POLL_MS);
  await bell.promise;
  clearTimeout(timer);
}
