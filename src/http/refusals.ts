import type { Finding } from '../alerts/alert.ts';
import type { Knex } from '../db/knex.ts';
import { storable } from '../db/storable.ts';
import type { Delivery } from './webhook.ts';

/** For so long one is told of: by then Stripe has sent it again a few times, and so on for three days. */
const TOLD_FOR_HOURS = 24;

/** Refused events that wait to be written. Further ones are left to when Stripe sends them again. */
const MOST = 1_000;

/**
 * Keeps the events that Stripe has signed and that are refused: what they say of a payment is recorded nowhere. All that are
 * found at a look are written in one statement, so that no number of them takes the database's time from those that are taken.
 */
export function watchRefusals(db: Knex) {
  /** By the event's id. */
  const unwritten = new Map<string, Refused>();

  return {
    saw({ event, refusal, at }: Delivery): void {
      if (event === null || refusal === null) return;
      const { event_id: id, type, checkout_session_id } = event;
      if (unwritten.size === MOST && !unwritten.has(id)) return;
      unwritten.set(id, { id, type, checkout_session_id, reason: storable(refusal.message), at });
    },
    async findings(): Promise<Finding[]> {
      const refused = [...unwritten.values()];
      if (refused.length > 0) await keepRefused(db, refused);
      for (const one of refused) if (unwritten.get(one.id) === one) unwritten.delete(one.id);
      return await findRefused(db);
    },
  };
}

interface Refused {
  readonly id: string;
  readonly type: string;
  readonly checkout_session_id: string | null | undefined;
  readonly reason: string;
  /** On this process's clock, in milliseconds. */
  readonly at: number;
}

async function keepRefused(db: Knex, refused: readonly Refused[]): Promise<void> {
  const rows = refused.map(({ at, ...event }) => ({ ...event, seconds_ago: (Date.now() - at) / 1_000 }));
  await db.raw(
    `insert into refused_events (id, type, checkout_session_id, reason, first_refused_at, last_refused_at)
     select id, type, checkout_session_id, reason, refused_at, refused_at
     from json_to_recordset(:rows) as row (id text, type text, checkout_session_id text, reason text, seconds_ago float8),
       lateral (select now() - seconds_ago * interval '1 second') as refused (refused_at)
     order by id
     on conflict (id) do update set
       reason = excluded.reason,
       last_refused_at = greatest(refused_events.last_refused_at, excluded.last_refused_at)`,
    { rows: JSON.stringify(rows) },
  );
}

/** Those of the last hours that have not been taken since, by whichever process. */
async function findRefused(db: Knex): Promise<Finding[]> {
  const { rows } = await db.raw<{ rows: { count: number; event_id: string; reason: string }[] }>(
    `with refused as (
       select * from refused_events as refused
       where last_refused_at > now() - :hours * interval '1 hour'
         and not exists (
           select from stripe_events as taken where taken.id = refused.id and received_at > last_refused_at)
     )
     select (select count(*) from refused) as count, id as event_id, reason
     from refused order by last_refused_at desc limit 1`,
    { hours: TOLD_FOR_HOURS },
  );
  return rows.map((details) => ({ cause: 'event_refused', details }));
}
