import type { Knex } from 'knex';

/** A mail owed until sent, once for each order and kind. A queue as fulfillments is. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table notifications (
      id bigint generated always as identity primary key,
      order_id bigint not null references orders,
      kind text not null,
      status text not null default 'pending',
      attempts integer not null default 0,
      next_attempt_at timestamptz default now(),
      sent_at timestamptz,
      last_error text,
      created_at timestamptz not null default now(),
      attempts_lost integer not null default 0,
      died_at timestamptz,
      constraint notifications_each_kind_once unique (order_id, kind),
      constraint notifications_kind_known check (kind in ('order_paid', 'payment_failed')),
      constraint notifications_status_known check (status in ('pending', 'sent', 'dead')),
      constraint notifications_next_attempt_exactly_when_pending check ((status = 'pending') = (next_attempt_at is not null)),
      constraint notifications_sent_at_exactly_when_sent check ((status = 'sent') = (sent_at is not null))
    );
    create index notifications_due on notifications (next_attempt_at) where status = 'pending';
    create index notifications_dead on notifications (id) where status = 'dead';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table notifications');
}
