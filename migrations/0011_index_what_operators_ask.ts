import type { Knex } from 'knex';

/**
 * An index for each question that an operator asks, where none served it (`npm run bench -- --grow` asks them all of a
 * million orders). What each costs an event is within the noise of a measurement in turns (64 connections, 6 rounds:
 * PostgreSQL 108 us an event before, 110 with the one by creation, 119 with the one by address), as new orders enter the
 * first at its end, and the third only while they are not paid.
 *
 * An address is compared byte by byte, so the index also finds what begins with a word (like 'jenny%'). A hash index
 * would cost as much and find whole addresses alone.
 *
 * What is owed takes the place of what is due: `status <> 'fulfilled'` is asked too, and holds a dead row more at most.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create index orders_by_creation on orders (created_at);
    create index orders_of_email on orders (customer_email text_pattern_ops);
    create index orders_unpaid on orders (status, created_at) where status <> 'paid';

    create index fulfillments_owed on fulfillments (next_attempt_at) where status <> 'fulfilled';
    drop index fulfillments_due;

    -- For the retention job (src/orders/retention.ts): an event leaves it when its payload is emptied, so that no run
    -- meets again what an earlier one has done. It costs an event what the index over all arrivals did.
    create index stripe_events_with_payload on stripe_events (received_at) where payload is not null;
    drop index stripe_events_by_arrival;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index orders_by_creation, orders_of_email, orders_unpaid, fulfillments_owed, stripe_events_with_payload;
    create index fulfillments_due on fulfillments (next_attempt_at) where status = 'pending';
    create index stripe_events_by_arrival on stripe_events (received_at);
  `);
}
