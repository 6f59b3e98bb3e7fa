import type { Knex } from 'knex';

/**
 * Giving what was paid for, once for each order. The table is itself the queue: a pending row is due
 * at next_attempt_at, and while an attempt runs, that is when its lease ends.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table fulfillments (
      id bigint generated always as identity primary key,
      order_id bigint not null unique references orders,
      event_id text collate "C" unique,
      status text not null default 'pending',
      attempts integer not null default 0,
      next_attempt_at timestamptz default now(),
      fulfilled_at timestamptz,
      last_error text,
      created_at timestamptz not null default now(),
      attempts_lost integer not null default 0,
      died_at timestamptz,
      constraint fulfillments_status_known check (status in ('pending', 'fulfilled', 'dead')),
      constraint fulfillments_next_attempt_exactly_when_pending check ((status = 'pending') = (next_attempt_at is not null)),
      constraint fulfillments_fulfilled_at_exactly_when_fulfilled check ((status = 'fulfilled') = (fulfilled_at is not null))
    );
    -- Of all that is owed, dead rows included: that is asked too, and it costs no more than an entry for each dead row.
    create index fulfillments_owed on fulfillments (next_attempt_at) where status <> 'fulfilled';
    create index fulfillments_dead on fulfillments (id) where status = 'dead';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table fulfillments');
}
