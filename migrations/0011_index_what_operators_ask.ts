import type { Knex } from 'knex';

/**
 * An index for each question that an operator asks, where none served it (`npm run bench -- --grow` asks them all of a
 * million orders). What each costs an event is within the noise of a measurement in turns (64 connections, 6 rounds):
 * PostgreSQL took 108 us an event before, 110 with orders_by_creation, 119 with orders_of_email. New orders enter
 * orders_by_creation at its end, and orders_unpaid only while they are not paid.
 *
 * An address is one in any case: whoever asks for it (to erase a person, say) has not typed it as the customer did. It is
 * compared byte by byte, so the index also finds what begins with a word (`like 'jenny%'`). A hash index would cost as
 * much and find whole addresses alone.
 *
 * An amount stands with the time, so that an old price, which no order of the last months has, is found as quickly as
 * today's. A day is one of UTC, since only that can be indexed: what a session's own zone makes of a moment changes with
 * the session. orders_of_amount, orders_by_day_paid and orders_of_reference are lost in the noise as well: 142 us without
 * any and with all three (medians of five rounds in turns on a million orders, give or take 10). An order takes 35 B in
 * the first, 8 in the second, and in the third as much as its reference is long.
 *
 * orders_by_day_paid has the unpaid orders as well, since PostgreSQL plans by what it knows of an index's expression only
 * where the index has no condition. With one it took a third of all orders for today's, and read them with parallel workers:
 * of a million, that took the overview 50 to 350 ms instead of 3 to 6, where a process is slow to start.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create index orders_by_creation on orders (created_at);
    create index orders_of_email on orders (lower(customer_email) text_pattern_ops);
    create index orders_unpaid on orders (status, created_at) where status <> 'paid';
    create index orders_of_amount on orders (amount_total, created_at);
    create index orders_of_reference on orders (client_reference_id) where client_reference_id is not null;
    create index orders_by_day_paid on orders (cast(paid_at at time zone 'UTC' as date));
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index orders_by_creation, orders_of_email, orders_unpaid, orders_of_amount, orders_of_reference, orders_by_day_paid
  `);
}
