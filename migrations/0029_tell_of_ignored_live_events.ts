import type { Knex } from 'knex';

/** A shop that goes live with the key of test mode takes its customers' events and ignores them: a person should know. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table alerts drop constraint alerts_cause_known;
    alter table alerts add constraint alerts_cause_known check (cause in
      ('fulfillments_dead', 'notifications_dead', 'orders_unfulfilled', 'payments_conflicting', 'webhooks_missed',
       'signatures_failing', 'clock_off', 'event_refused', 'live_events_ignored', 'reconcile_failing'));
    comment on column alerts.cause is 'What is wrong: dead work, orders that wait, payments that fail after their order was paid, webhooks that do not come, signatures that fail, an event that is refused, live events that a test key ignores, a clock that is off, a reconcile that gets nowhere.';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    delete from alerts where cause = 'live_events_ignored';
    alter table alerts drop constraint alerts_cause_known;
    alter table alerts add constraint alerts_cause_known check (cause in
      ('fulfillments_dead', 'notifications_dead', 'orders_unfulfilled', 'payments_conflicting', 'webhooks_missed',
       'signatures_failing', 'clock_off', 'event_refused', 'reconcile_failing'));
    comment on column alerts.cause is 'What is wrong: dead work, orders that wait, payments that fail after their order was paid, webhooks that do not come, signatures that fail, an event that is refused, a clock that is off, a reconcile that gets nowhere.';
  `);
}
