import type { Knex } from 'knex';

/**
 * How long deliveries waited for their answer, for the chart of the last 30 days: how many in each quarter of an hour were
 * answered within so many milliseconds. A quarter, since somewhere a day begins at any of them.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table acknowledgements (
      quarter timestamptz not null,
      within_ms integer not null,
      deliveries bigint not null,
      primary key (quarter, within_ms)
    );
    comment on table acknowledgements is 'How many deliveries were answered how quickly, by the quarter of an hour. Kept for 31 days.';
    comment on column acknowledgements.quarter is 'When the quarter of an hour began.';
    comment on column acknowledgements.within_ms is 'They were answered within so many milliseconds, and not within the next smaller figure.';
    comment on column acknowledgements.deliveries is 'How many deliveries: those that were answered 200.';

    -- A payment that failed after it succeeded: rare, and what a person wants to see among millions of events.
    create index stripe_events_conflicts on stripe_events (received_at) where outcome = 'conflict';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index stripe_events_conflicts; drop table acknowledgements');
}
