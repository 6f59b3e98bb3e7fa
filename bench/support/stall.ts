import type { BenchDatabase } from './postgres.ts';

/** Every answer is out by then, whatever fails. */
export const PROMISED_MS = 5_000;

/** Nobody reads or writes orders while `meanwhile` runs: what a long migration or a forgotten transaction does. */
export async function whileStalled<T>({ db }: BenchDatabase, meanwhile: () => Promise<T>): Promise<T> {
  return db.transaction(async (trx) => {
    await trx.raw('set local idle_in_transaction_session_timeout = 0');
    await trx.raw('lock table orders in access exclusive mode');
    return meanwhile();
  });
}

/** How long the statement has waited that waits the longest for a lock in PostgreSQL at this moment, in milliseconds. */
export async function longestWait({ db }: BenchDatabase): Promise<number> {
  const { rows } = await db.raw<{ rows: [{ milliseconds: number }] }>(
    `select coalesce(max(extract(epoch from clock_timestamp() - query_start) * 1000), 0)::int as milliseconds
     from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows[0].milliseconds;
}
