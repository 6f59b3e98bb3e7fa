import type { Knex } from 'knex';

/** An alert tells how many there are of something; whether there are more by now is told by how few there were since. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table alerts add fewest integer;
    comment on column alerts.fewest is 'How many there were at the least. Null: it is nothing that is counted.';
    comment on column alerts.over_at is 'When nobody had seen it for a while, or when a new alert that counts more took its place. Null: it goes on.';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table alerts drop fewest;
    comment on column alerts.over_at is 'When nobody had seen it for a while. Null: it goes on.';
  `);
}
