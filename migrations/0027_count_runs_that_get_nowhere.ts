import type { Knex } from 'knex';

/**
 * Reconcile is what finds a payment whose webhook was lost. Where its runs fail (a key that may not read events, say), nothing
 * else tells; so they are counted, and a person is told.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table reconcile_cursors add column attempts integer not null default 0;
    comment on column reconcile_cursors.attempts is 'How often the worker has begun a run since one moved the cursor or came to its end.';

    alter table alerts drop constraint alerts_cause_known;
    alter table alerts add constraint alerts_cause_known check (cause in
      ('fulfillments_dead', 'notifications_dead', 'orders_unfulfilled', 'signatures_failing', 'clock_off', 'event_refused',
       'reconcile_failing'));
    comment on column alerts.cause is 'What is wrong: dead work, orders that wait, signatures that fail, an event that is refused, a clock that is off, a reconcile that gets nowhere.';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    delete from alerts where cause = 'reconcile_failing';
    alter table alerts drop constraint alerts_cause_known;
    alter table alerts add constraint alerts_cause_known check (cause in
      ('fulfillments_dead', 'notifications_dead', 'orders_unfulfilled', 'signatures_failing', 'clock_off', 'event_refused'));
    comment on column alerts.cause is 'What is wrong: dead work, orders that wait, signatures that fail, an event that is refused, a clock that is off.';
    alter table reconcile_cursors drop column attempts;
  `);
}
