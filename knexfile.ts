import type { Knex } from 'knex';
import { loadForMigration } from './src/config.ts';
import { migrations } from './src/db/migrations.ts';

/**
 * For knex's own commands, such as `npx knex migrate:make add_something`. Those that connect want DATABASE_URL:
 * `npm run migrate` also starts the embedded server, and takes turns with other processes.
 */
const { url } = loadForMigration().database;

const knexfile: Knex.Config = {
  client: 'pg',
  // Not the string itself, of which knex can't read every form that pg can.
  connection: url === null ? '' : { connectionString: url },
  migrations,
};

export default knexfile;
