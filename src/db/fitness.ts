import { oldestMajor } from './embedded/binaries.ts';
import type { Knex } from './knex.ts';

interface Settings {
  readonly version: string;
  readonly encoding: string;
  readonly small_i: string;
  readonly datestyle: string;
  readonly isolation: string;
  readonly schema: string | null;
}

/**
 * Why this database can't be used, and what to do about it; null where it can. Each of these would otherwise be noticed
 * only when an order is refused, or when its times can't be read.
 */
export async function unfitBecause(db: Knex): Promise<string | null> {
  const { rows } = await db.raw<{ rows: [Settings] }>(
    `select current_setting('server_version') as version, current_setting('server_encoding') as encoding,
       lower('I') as small_i,
       current_setting('DateStyle') as datestyle, current_setting('default_transaction_isolation') as isolation,
       current_schema() as schema`,
  );
  const [{ version, encoding, small_i, datestyle, isolation, schema }] = rows;
  if (Number.parseInt(version, 10) < oldestMajor)
    return `PostgreSQL ${version} is too old: this service needs ${oldestMajor} or newer`;
  if (!['UTF8', 'SQL_ASCII'].includes(encoding))
    return `its encoding, ${encoding}, can't hold every customer's name. Make one with: create database … encoding 'UTF8' template template0`;
  // As in Turkish: an order of INFO@… kept its customer when info@… was erased, and was not found by it.
  if (small_i !== 'i')
    return `its rules of letters make ${small_i} of I, and addresses are found in any case. Make one with: create database … locale_provider icu icu_locale 'und' template template0`;
  if (!datestyle.startsWith('ISO'))
    return `its DateStyle is "${datestyle}", and times are read in the form of ISO: alter role … set datestyle = 'ISO'`;
  // Statements lock the rows that they read. On a stricter level a row that another transaction has changed meanwhile is
  // an error, and costs an attempt.
  if (isolation !== 'read committed')
    return `its default_transaction_isolation is ${isolation}: alter role … set default_transaction_isolation = 'read committed'`;
  if (schema !== 'public')
    return `tables would be in the schema ${schema ?? '(none)'}: let the search_path of the role begin with public`;
  return null;
}
