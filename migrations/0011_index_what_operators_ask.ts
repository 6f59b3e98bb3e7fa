import type { Knex } from 'knex';

/**
 * An index for each question that an operator asks, where none served it (`npm run bench -- --grow` asks them all of a
 * million orders). What each costs an event is within the noise of a measurement in turns (64 connections, 6 rounds:
 * PostgreSQL 108 us an event before, 110 with the one by creation, 119 with the one by address), as new orders enter the
 * first at its end, and the third only while they are not paid.
 *
 * An address is one in any case: whoever asks for it (to erase a person, say) has not typed it as the customer did. It is
 * compared byte by byte, so the index also finds what begins with a word (`like 'jenny%'`). A hash index would cost as much and
 * find whole addresses alone.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create index orders_by_creation on orders (created_at);
    create index orders_of_email on orders (lower(customer_email) text_pattern_ops);
    create index orders_unpaid on orders (status, created_at) where status <> 'paid';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index orders_by_creation, orders_of_email, orders_unpaid');
}
