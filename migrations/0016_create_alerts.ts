import type { Knex } from 'knex';

/**
 * What a person is told of, a row for each time that a cause came up. Whoever sees a cause says so every few seconds;
 * when nobody has for a while, it is over. The row is owed to the channels while next_attempt_at is set, as other work
 * is. Where a cause counts something, `newest_at` keeps when the last of them came up: after it, there is something to tell.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table alerts (
      id bigint generated always as identity primary key,
      cause text not null,
      details jsonb not null,
      raised_at timestamptz not null default now(),
      seen_at timestamptz not null default now(),
      over_at timestamptz,
      told text[] not null default '{}',
      attempts integer not null default 0,
      next_attempt_at timestamptz default now(),
      newest_at timestamptz,
      constraint alerts_cause_known check (cause in
        ('fulfillments_dead', 'notifications_dead', 'orders_unfulfilled', 'payments_conflicting', 'webhooks_missed',
         'signatures_failing', 'clock_off', 'event_refused', 'live_events_ignored', 'reconcile_failing'))
    );
    create unique index alerts_each_cause_once_at_a_time on alerts (cause) where over_at is null;
    create index alerts_due on alerts (next_attempt_at) where next_attempt_at is not null;

    comment on table alerts is 'What a person was told of: a row for each time that a cause came up.';
    comment on column alerts.id is 'Ours; part of the mail''s Message-ID.';
    comment on column alerts.cause is 'What is wrong: dead work, orders that wait, payments that fail after their order was paid, webhooks that do not come, signatures that fail, an event that is refused, live events that a test key ignores, a clock that is off, a reconcile that gets nowhere.';
    comment on column alerts.details is 'How many, which, where: as it was seen last. No customer''s data.';
    comment on column alerts.raised_at is 'When it was first seen.';
    comment on column alerts.seen_at is 'When it was last seen.';
    comment on column alerts.over_at is 'When nobody had seen it for a while, or when a new alert that tells of what came up since took its place. Null: it goes on.';
    comment on column alerts.told is 'Who knows what: webhook:raised, webhook:over, mail:raised, mail:over.';
    comment on column alerts.attempts is 'How often telling was begun.';
    comment on column alerts.next_attempt_at is 'When telling is due, or its lease ends. Null: there is nothing to tell.';
    comment on column alerts.newest_at is 'When the last of what was counted had come up, as it was raised. Null: this cause counts nothing.';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table alerts');
}
