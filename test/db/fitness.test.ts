import { expect, test } from '@jest/globals';
import { unfitBecause } from '../../src/db/fitness.ts';
import { migrate } from '../../src/db/migrations.ts';
import { createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';

const { db, url } = await createTestDatabase();

test('a database as it usually is, is fit', async () => {
  expect(await unfitBecause(db)).toBeNull();
});

test.each([
  ["set local datestyle = 'German'", "alter role … set datestyle = 'ISO'"],
  ["set local datestyle = 'SQL, DMY'", 'its DateStyle is "SQL, DMY"'],
  ["set local default_transaction_isolation = 'serializable'", "= 'read committed'"],
  [
    `create schema old; create function old.current_setting(text) returns text language sql as $$select '14.23'$$;
     set local search_path = old, pg_catalog`,
    'PostgreSQL 14.23 is too old: this service needs 15 or newer',
  ],
  ['create schema own; set local search_path = own, public', 'in the schema own'],
  ['set local search_path = nowhere', 'in the schema (none)'],
])('it is not after: %s', async (change, words) => {
  const trx = await db.transaction();
  await trx.raw(change);
  expect(await unfitBecause(trx)).toContain(words);
  await trx.rollback();
});

test('one that can not hold all names is refused at the start', async () => {
  const latin = new URL(url);
  latin.pathname += '_latin';
  const name = latin.pathname.slice(1);
  await db.raw(`create database :name: encoding 'LATIN1' locale 'C' template template0`, { name });
  try {
    await expect(migrate(latin.href, silent)).rejects.toThrow(
      "The database of DATABASE_URL can't be used: its encoding, LATIN1, can't hold every customer's name.",
    );
  } finally {
    await db.raw('drop database :name: with (force)', { name });
  }
});
