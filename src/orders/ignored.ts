import type { Knex } from '../db/knex.ts';
import { handledTypes } from './handlers.ts';
import { type Counted, STANDING_HOURS } from './standing.ts';

/** So many of the newest events are looked at: test mode has few, and a shop whose key is the wrong one ignores them all. */
const NEWEST = 1_000;

export interface IgnoredSessions extends Counted {
  readonly event_id: string;
}

/**
 * Checkout sessions of live mode whose events came in the last hours and were ignored, with the latest event; null without any. To
 * be asked where the key is one of test mode.
 */
export async function ignoredLiveSessions(db: Knex): Promise<IgnoredSessions | null> {
  const { rows } = await db.raw<{ rows: IgnoredSessions[] }>(
    `with ignored as (
       select id, checkout_session_id, received_at from (
         select * from stripe_events
         where payload is not null and received_at > now() - :hours * interval '1 hour'
         order by received_at desc limit :newest
       ) as newest
       where livemode and outcome = 'ignored' and type = any (:types) and checkout_session_id is not null
     )
     select (select count(distinct checkout_session_id) from ignored) as count, id as event_id, received_at as newest_at
     from ignored order by received_at desc limit 1`,
    { hours: STANDING_HOURS, newest: NEWEST, types: [...handledTypes] },
  );
  return rows[0] ?? null;
}
