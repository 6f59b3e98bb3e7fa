import type { Knex } from 'knex';

/**
 * How long deliveries waited for their answer, for the chart of the last 30 days: how many in each quarter of an hour were
 * answered within so many milliseconds. A quarter, since somewhere a day begins at any of them.
 *
 * Moves are kept in the order of their time, so a BRIN index finds those of a day, and costs an event next to nothing.
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

    create index order_transitions_by_time on order_transitions using brin (occurred_at)
      with (pages_per_range = 16, autosummarize = on);

    -- A payment that failed after it succeeded: rare, and what a person wants to see among millions of events.
    create index stripe_events_conflicts on stripe_events (received_at) where outcome = 'conflict';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(
    'drop index order_transitions_by_time, stripe_events_conflicts; drop table acknowledgements',
  );
}
