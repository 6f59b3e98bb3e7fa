import type { Knex } from '../db/knex.ts';
import { STANDING_HOURS, type StandingOrders } from '../orders/standing.ts';

/** Counted up to: a reconcile by hand may have brought every order of a month. */
const MOST = 1_000;

/** Orders that an event moved which reconcile found at Stripe, and no webhook had brought; null without any. */
export async function missedWebhooks(db: Knex): Promise<StandingOrders | null> {
  const { rows } = await db.raw<{ rows: StandingOrders[] }>(
    `with missed as (
       select order_id, occurred_at
       from order_transitions join stripe_events on stripe_events.id = event_id
       where source = 'reconcile' and occurred_at > now() - :hours * interval '1 hour'
         -- One that came before and was ignored then has had its webhook.
         and received_at = occurred_at
       order by occurred_at desc
       limit :most
     )
     select count(*) over () as count, order_id, max(min(occurred_at)) over () as newest_at
     from missed group by order_id order by max(occurred_at) desc limit 1`,
    { hours: STANDING_HOURS, most: MOST },
  );
  return rows[0] ?? null;
}
