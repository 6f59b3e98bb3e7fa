import type { Knex } from 'knex';

/** An alert counts them and names the latest, whichever process refused it: from here the others are known. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table refused_events (
      id text collate "C" primary key,
      type text not null,
      checkout_session_id text collate "C",
      reason text not null,
      first_refused_at timestamptz not null,
      last_refused_at timestamptz not null,
      kept_at timestamptz not null default now()
    );
    create index refused_events_last on refused_events (last_refused_at);

    comment on table refused_events is 'Events of Stripe''s that the service refused, since it could not read or keep them. What one says is recorded nowhere, unless it has come in again since and stands in stripe_events.';
    comment on column refused_events.id is 'Stripe''s id of the event (evt_…), or of the checkout session that reconcile met and could not take (cs_…).';
    comment on column refused_events.type is 'checkout.session.completed and so on; checkout.session for a session.';
    comment on column refused_events.checkout_session_id is 'The checkout session that it is about. Its order may be missing, or not paid, for want of this event. Null: it is about something else.';
    comment on column refused_events.reason is 'Why. It names the field, and nothing of its value.';
    comment on column refused_events.first_refused_at is 'When it was refused first.';
    comment on column refused_events.last_refused_at is 'When it was refused last: Stripe repeats it for three days.';
    comment on column refused_events.kept_at is 'When it came to stand here: seconds after it was refused first, or once the database was there again.';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table refused_events');
}
