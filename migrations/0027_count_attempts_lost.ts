import type { Knex } from 'knex';

/**
 * What may kill its process is claimed one row at a time, and was known by having no error. An order that had failed once
 * before was never suspected, and the healthy ones that were claimed beside it died with it.
 */
export async function up(knex: Knex): Promise<void> {
  for (const table of ['fulfillments', 'notifications']) {
    await knex.raw(`
      alter table ${table} add attempts_lost integer not null default 0;
      comment on column ${table}.attempts_lost is 'Attempts in a row of whose end nobody has heard, with the one under way: each killed its process, or was beside what did.';
    `);
  }
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['fulfillments', 'notifications'])
    await knex.raw(`alter table ${table} drop attempts_lost`);
}
