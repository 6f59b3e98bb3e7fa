import type { Knex } from 'knex';

/**
 * The queues keep the last error alone, and a person asks for all of them. Nothing is written here of an attempt that
 * succeeds. A claim, which may meet work whose process was killed, costs PostgreSQL 19 us a row instead of 17 or 18 (50 at once).
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
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
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table failed_attempts');
}
