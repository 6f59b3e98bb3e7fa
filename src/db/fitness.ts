import type { Knex } from 'knex';

/** What nobody would notice until an order is refused, or told with times that nobody can read: with what to do. Null: it is fit. */
export async function unfitBecause(db: Knex): Promise<string | null> {
  const { rows } = await db.raw<{ rows: [{ encoding: string; datestyle: string; schema: string | null }] }>(
    `select current_setting('server_encoding') as encoding, current_setting('DateStyle') as datestyle, current_schema() as schema`,
  );
  const [{ encoding, datestyle, schema }] = rows;
  if (!['UTF8', 'SQL_ASCII'].includes(encoding))
    return `its encoding, ${encoding}, can't hold every customer's name. Make one with: create database … encoding 'UTF8' template template0`;
  if (!datestyle.startsWith('ISO'))
    return `its DateStyle is "${datestyle}", and times are read in the form of ISO: alter role … set datestyle = 'ISO'`;
  if (schema !== 'public')
    return `tables would be in the schema ${schema ?? '(none)'}: let the search_path of the role begin with public`;
  return null;
}
