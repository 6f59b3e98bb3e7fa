import type { Knex } from '../db/knex.ts';
import { jsonOf } from '../stripe/shapes.ts';
import { type Counted, STANDING_HOURS } from './standing.ts';

/** An event of Stripe's that could not be read or kept: what it says of a payment is recorded nowhere. */
export interface RefusedEvent {
  /** That of the session itself, where reconcile met one. */
  readonly id: string;
  readonly type: string;
  readonly checkout_session_id: string | null;
  readonly reason: string;
  /** When it was refused, on this process's clock, in milliseconds. */
  readonly at: number;
}

export async function keepRefused(db: Knex, events: readonly RefusedEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map(({ at, ...event }) => ({ ...event, seconds_ago: (Date.now() - at) / 1_000 }));
  await db.raw(
    `insert into refused_events (id, type, checkout_session_id, reason, first_refused_at, last_refused_at)
     select distinct on (id) id, type, checkout_session_id, reason, refused_at, refused_at
     from json_to_recordset(:rows) as row (id text, type text, checkout_session_id text, reason text, seconds_ago float8),
       lateral (select now() - seconds_ago * interval '1 second') as refused (refused_at)
     order by id
     on conflict (id) do update set
       reason = excluded.reason,
       last_refused_at = greatest(refused_events.last_refused_at, excluded.last_refused_at)`,
    { rows: JSON.stringify(jsonOf(rows)) },
  );
}

export interface StandingRefusals extends Counted {
  /** The latest of them, and why. */
  readonly event_id: string;
  readonly reason: string;
}

/**
 * How many events were refused in the last hours and have not been taken since, by whichever process, and the latest of
 * them; null without any. One whose order is paid is left out: nothing is missing then, as reconcile reads the session
 * itself, in the API version that it knows.
 */
export async function standingRefusals(db: Knex): Promise<StandingRefusals | null> {
  const { rows } = await db.raw<{ rows: StandingRefusals[] }>(
    `with refused as (
       select * from refused_events as refused
       where last_refused_at > now() - :hours * interval '1 hour'
         and not exists (
           select from stripe_events as taken where taken.id = refused.id and received_at > last_refused_at)
         and not exists (
           select from orders where orders.checkout_session_id = refused.checkout_session_id and status = 'paid')
     )
     select count(*) over () as count, id as event_id, reason, max(kept_at) over () as newest_at
     from refused order by last_refused_at desc limit 1`,
    { hours: STANDING_HOURS },
  );
  return rows[0] ?? null;
}

/** The refused event of this id, or the last one of this checkout session: when and why, and which order is there all the same. */
export async function refusalOf(
  db: Knex,
  named: { readonly id: string } | { readonly checkout_session_id: string },
): Promise<string | null> {
  const refused = await db('refused_events').where(named).orderBy('last_refused_at', 'desc').first();
  if (!refused) return null;
  const { id, checkout_session_id: session, last_refused_at, reason } = refused;
  const order = session && (await db('orders').where({ checkout_session_id: session }).first('id', 'status'));
  const about = session === null || session === id ? id : `${id} of ${session}`;
  const taken = order ? ` Its session has order ${order.id}: ${order.status}.` : '';
  return `${about} was refused at ${last_refused_at.toISOString()}. ${reason}${taken}`;
}
