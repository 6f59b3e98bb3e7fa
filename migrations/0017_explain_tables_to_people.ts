import type { Knex } from 'knex';

/** What an operator asks of orders and their work, and the tables did not tell. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- The queues keep the last error alone. Nothing is written here of an attempt that succeeds.
    create table failed_attempts (
      id bigint generated always as identity primary key,
      work text not null,
      work_id bigint not null,
      order_id bigint not null references orders,
      attempt integer not null,
      error text not null,
      next_attempt_at timestamptz,
      occurred_at timestamptz not null default now(),
      constraint failed_attempts_work_known check (work in ('fulfillments', 'notifications'))
    );
    create index failed_attempts_of_order on failed_attempts (order_id);

    create index orders_of_amount on orders (amount_total, created_at);
    create index orders_of_reference on orders (client_reference_id) where client_reference_id is not null;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index orders_of_amount, orders_of_reference;
    drop table failed_attempts;
  `);
}
