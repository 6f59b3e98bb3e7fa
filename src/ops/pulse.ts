import type { Knex } from '../db/knex.ts';
import type { Pulse } from './live.ts';

/**
 * For each topic that pages watch, a text that differs once its page would. Of a long backlog the part that is due first
 * stands for all of it, so that a look costs the same on the worst day.
 */
export function pulseOf(db: Knex): Pulse {
  return async (topics) => {
    const ids = topics.flatMap((topic) => /^order:(\d{1,15})$/.exec(topic)?.[1] ?? []);
    const [general, orders] = await Promise.all([
      db.raw<{ rows: [{ orders: string; events: string }] }>(GENERAL),
      ids.length === 0 ? { rows: [] } : db.raw<{ rows: { id: number; pulse: string }[] }>(OF_ORDERS, { ids }),
    ]);
    return new Map([
      ...Object.entries(general.rows[0]),
      ...orders.rows.map(({ id, pulse }): [string, string] => [`order:${id}`, pulse]),
    ]);
  };
}

const GENERAL = `
  select
    concat_ws(' ', moved, acted,
      (select concat_ws(' ', count(*), sum(attempts), sum(extract(epoch from next_attempt_at)))
       from (select * from fulfillments where status <> 'fulfilled' order by next_attempt_at limit 1000) as owed),
      (select count(*) from notifications where status = 'dead'),
      (select array_agg(id order by id) from alerts where over_at is null)) as orders,
    -- An event that is replayed, or taken by reconcile after all, is applied from then on; one that is erased leaves the
    -- list, unless it is a conflict.
    concat_ws(' ', moved, acted,
      (select received_at || id from stripe_events where payload is not null order by received_at desc limit 1)) as events
  from (select (select max(id) from order_transitions) as moved, (select max(id) from ops_actions) as acted) as last`;

const OF_ORDERS = `
  select o.id, concat_ws(' ',
    o.updated_at,
    (select row (status, attempts, next_attempt_at) from fulfillments where order_id = o.id),
    (select array_agg(row (status, attempts, next_attempt_at) order by id) from notifications where order_id = o.id),
    (select count(*) from stripe_events where checkout_session_id = o.checkout_session_id),
    (select max(id) from ops_actions where subject in (
       select o.id::text union all select o.checkout_session_id
       union all select id from stripe_events where checkout_session_id = o.checkout_session_id))) as pulse
  from orders o where o.id = any (cast(:ids as bigint[]))`;
