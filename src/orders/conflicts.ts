import type { Knex } from '../db/knex.ts';
import { STANDING_HOURS, type StandingOrders } from './standing.ts';

/** Orders of whose payment an event of the last hours says that it failed, when they were paid already; null without any. */
export async function standingConflicts(db: Knex): Promise<StandingOrders | null> {
  const { rows } = await db.raw<{ rows: StandingOrders[] }>(
    `select count(*) over () as count, orders.id as order_id, max(min(received_at)) over () as newest_at
     from stripe_events join orders using (checkout_session_id)
     where outcome = 'conflict' and received_at > now() - :hours * interval '1 hour'
     group by orders.id order by max(received_at) desc limit 1`,
    { hours: STANDING_HOURS },
  );
  return rows[0] ?? null;
}
