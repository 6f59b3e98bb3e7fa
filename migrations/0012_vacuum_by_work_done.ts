import type { Knex } from 'knex';

/**
 * By default a table is vacuumed after a fifth of it has changed: of a year's 100 million fulfillments, after 20 million.
 *
 * A claim reads the index of what is owed from its old end, where the entries of all that was settled lie until a vacuum
 * comes. So a vacuum comes after so many updates, however large the table has become. It always clears the indexes, which
 * by default it leaves out where fewer than 2 % of the pages have changed. Measured on a million: a claim touches 245
 * pages (0.6 ms) after a vacuum, 2,233 (7 ms) after 100,000 orders and 3,186 after 200,000 without one; so 10 million
 * would cost it some 100,000 pages.
 *
 * An emptied payload's place is free for new ones after a vacuum: a fiftieth of 90 days is two days of them, a fifth 18.
 *
 * No fillfactor: no update of fulfillments is a HOT one (0 of 600,030), whatever room a page has, since each changes a
 * column of an index.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table fulfillments set (
      autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200000, vacuum_index_cleanup = on);
    alter table notifications set (
      autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200000, vacuum_index_cleanup = on);
    alter table stripe_events set (
      autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_scale_factor = 0.02);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table fulfillments reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, vacuum_index_cleanup);
    alter table notifications reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, vacuum_index_cleanup);
    alter table stripe_events reset (autovacuum_vacuum_scale_factor, toast.autovacuum_vacuum_scale_factor);
  `);
}
