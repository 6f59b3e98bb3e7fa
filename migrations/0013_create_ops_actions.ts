import type { Knex } from 'knex';

/** What people did to orders and events: who, what, to which, and when. A row is written with the change itself. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table ops_actions (
      id bigint generated always as identity primary key,
      occurred_at timestamptz not null default now(),
      actor text not null,
      action text not null,
      -- What it was done to: an order's or event's id. Never an address.
      subject text collate "C" not null,
      details jsonb not null default '{}'
    );
    create index ops_actions_of_subject on ops_actions (subject, id);
    -- Of what was done to an event, the order that it moved.
    create index ops_actions_of_order on ops_actions ((details->>'order_id')) where details->>'order_id' is not null;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table ops_actions');
}
