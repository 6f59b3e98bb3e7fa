import type { Knex } from 'knex';

/** By how many seconds this process's clock is ahead of the database's, give or take half of what the answer took. */
export async function clockOffset(db: Knex): Promise<number> {
  const asked = Date.now();
  const { rows } = await db.raw<{ rows: [{ now: number }] }>(
    'select cast(extract(epoch from clock_timestamp()) as float8) as now',
  );
  return (asked + Date.now()) / 2_000 - rows[0].now;
}
