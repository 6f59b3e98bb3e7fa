import type { Knex } from 'knex';

/**
 * Where reconcile stands in each of Stripe's lists (src/reconcile/cursors.ts), so that a run which was killed is
 * continued, and of several processes one walks a list. It is kept beside the orders of which it speaks: a database
 * that comes back from a backup brings the cursor of that time along.
 *
 * Reconcile is what finds a payment whose webhook was lost. Where its runs fail (a key that may not read events, say), nothing
 * else tells; so they are counted, and a person is told.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table reconcile_cursors (
      list text primary key,
      position text,
      -- What an account did before this database was made is another program's.
      since timestamptz not null default now(),
      -- A new database has missed nothing yet.
      next_run_at timestamptz not null default now() + interval '1 hour',
      held_by uuid,
      attempts integer not null default 0,
      constraint reconcile_cursors_list_known check (list in ('events', 'checkout_sessions'))
    );
    insert into reconcile_cursors (list) values ('events'), ('checkout_sessions');

    comment on table reconcile_cursors is 'Where reconcile stands in each of Stripe''s lists.';
    comment on column reconcile_cursors.list is 'events, or checkout_sessions.';
    comment on column reconcile_cursors.position is 'Stripe''s id of the last object that was looked at. Null: none yet.';
    comment on column reconcile_cursors.since is 'When that object was created; without a position, where to begin.';
    comment on column reconcile_cursors.next_run_at is 'When the worker''s next run is due; during a run, when another one may take the list up.';
    comment on column reconcile_cursors.held_by is 'The run that walks the list, or was killed while it did.';
    comment on column reconcile_cursors.attempts is 'How often the worker has begun a run since one moved the cursor or came to its end.';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table reconcile_cursors');
}
