import type { Knex } from 'knex';

/**
 * Every change of an order's status, with its cause. The event's id is no foreign key, here and in fulfillments: the two cost
 * 8 us an event, both sides are written by one statement, and they would bind all events to be kept in one table for ever.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table order_transitions (
      id bigint generated always as identity primary key,
      order_id bigint not null references orders,
      from_status text,
      to_status text not null,
      event_id text collate "C",
      source text not null,
      occurred_at timestamptz not null default now(),
      constraint order_transitions_source_known check (source in ('webhook', 'landing_page', 'reconcile')),
      constraint order_transitions_webhook_has_event check (source <> 'webhook' or event_id is not null),
      constraint order_transitions_move_is_legal check (
        to_status in ('awaiting_payment', 'paid', 'failed') and from_status is null
        or from_status = 'awaiting_payment' and to_status in ('paid', 'failed')
        or from_status = 'failed' and to_status = 'paid'),
      -- No status is ever entered twice, so this is also: one row for each move.
      constraint order_transitions_each_status_once unique (order_id, to_status)
    );
    -- For the alert of webhooks that did not come (src/reconcile/missed.ts).
    create index order_transitions_by_reconcile on order_transitions (occurred_at) where source = 'reconcile';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table order_transitions');
}
