import type { Knex } from './knex.ts';

/** The database's time: by it all times are kept. */
export async function databaseTime(db: Knex): Promise<Date> {
  const { rows } = await db.raw<{ rows: [{ now: Date }] }>('select now()');
  return rows[0].now;
}

/** The same as Stripe counts time: whole seconds since 1970. */
export async function databaseSeconds(db: Knex): Promise<number> {
  return Math.floor((await databaseTime(db)).getTime() / 1_000);
}

/** By how many seconds this process's clock is ahead of the database's, give or take half of what the answer took. */
export async function clockOffset(db: Knex): Promise<number> {
  const asked = Date.now();
  const { rows } = await db.raw<{ rows: [{ now: number }] }>(
    'select cast(extract(epoch from clock_timestamp()) as float8) as now',
  );
  return (asked + Date.now()) / 2_000 - rows[0].now;
}
