import type { Knex } from '../db/knex.ts';
import type { KeptEvent } from './look-up.ts';

export interface ListedEvent extends Omit<KeptEvent, 'api_version' | 'payload'> {
  readonly order_id: number | null;
}

export interface EventPage {
  readonly events: readonly ListedEvent[];
  /** Where the next page begins, to be given as `after`. Null on the last one. */
  readonly next: string | null;
}

/** A place in the list: when the event there came in, in microseconds, and its id, which may be any that is taken. */
export const eventPlace = /^(\d{1,16})_([\x20-\x7e]{1,255})$/;

/**
 * Events whose payload is still kept, newest first; or only those that contradict an order, with or without a payload: it may
 * have been emptied, when a person was erased, before anybody had looked at the contradiction. Pages as `listOrders` has them.
 */
export async function listEvents(
  db: Knex,
  { conflicts }: { conflicts: boolean },
  { limit, after }: { limit: number; after: string | null },
): Promise<EventPage> {
  const [, after_us = null, after_id = null] = eventPlace.exec(after ?? '') ?? [];
  const { rows } = await db.raw<{ rows: (ListedEvent & { readonly place: string })[] }>(
    `select
       e.id, e.type, e.outcome, e.livemode, e.account, e.checkout_session_id, o.id as order_id, e.created_at, e.received_at,
       (extract(epoch from e.received_at) * 1000000)::bigint || '_' || e.id as place
     from stripe_events e left join orders o on o.checkout_session_id = e.checkout_session_id
     where case when :conflicts then e.outcome = 'conflict' else e.payload is not null end
       and (cast(:after_id as text) is null
         or (e.received_at, e.id) < (timestamptz 'epoch' + :after_us * interval '1 microsecond', :after_id))
     order by e.received_at desc, e.id desc
     limit :count`,
    { conflicts, after_us, after_id, count: limit + 1 },
  );
  const page = rows.slice(0, limit);
  return {
    events: page.map(({ place, ...event }) => event),
    next: rows.length > limit ? (page.at(-1)?.place ?? null) : null,
  };
}
