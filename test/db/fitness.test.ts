import { expect, test } from '@jest/globals';
import { unfitBecause } from '../../src/db/fitness.ts';
import { migrate } from '../../src/db/migrate.ts';
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

test.each([
  ["encoding 'LATIN1' locale 'C'", "its encoding, LATIN1, can't hold every customer's name."],
  [
    "locale_provider icu icu_locale 'tr'",
    'its rules of letters make ı of I, and addresses are found in any case.',
  ],
])(
  'one made so is refused at the start, as it would not do right by each customer: %s',
  async (made, words) => {
    const other = new URL(url);
    other.pathname += '_other';
    const name = other.pathname.slice(1);
    await db.raw(`create database :name: ${made} template template0`, { name });
    try {
      await expect(migrate(other.href, silent)).rejects.toThrow(
        `The database of DATABASE_URL can't be used: ${words}`,
      );
    } finally {
      await db.raw('drop database :name: with (force)', { name });
    }
  },
);
