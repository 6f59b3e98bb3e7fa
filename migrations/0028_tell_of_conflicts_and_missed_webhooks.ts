import type { Knex } from 'knex';

/**
 * A payment that failed after its order was paid asks for a person: goods may have left without money. And where orders come by
 * reconcile, an endpoint is missing, disabled or wrong: they come late, and a person should know before a customer asks.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create index order_transitions_by_reconcile on order_transitions (occurred_at) where source = 'reconcile';

    alter table alerts drop constraint alerts_cause_known;
    alter table alerts add constraint alerts_cause_known check (cause in
      ('fulfillments_dead', 'notifications_dead', 'orders_unfulfilled', 'payments_conflicting', 'webhooks_missed',
       'signatures_failing', 'clock_off', 'event_refused', 'reconcile_failing'));
    comment on column alerts.cause is 'What is wrong: dead work, orders that wait, payments that fail after their order was paid, webhooks that do not come, signatures that fail, an event that is refused, a clock that is off, a reconcile that gets nowhere.';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    delete from alerts where cause in ('payments_conflicting', 'webhooks_missed');
    alter table alerts drop constraint alerts_cause_known;
    alter table alerts add constraint alerts_cause_known check (cause in
      ('fulfillments_dead', 'notifications_dead', 'orders_unfulfilled', 'signatures_failing', 'clock_off', 'event_refused',
       'reconcile_failing'));
    comment on column alerts.cause is 'What is wrong: dead work, orders that wait, signatures that fail, an event that is refused, a clock that is off, a reconcile that gets nowhere.';
    drop index order_transitions_by_reconcile;
  `);
}
