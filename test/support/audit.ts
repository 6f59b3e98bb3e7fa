import type { Knex } from '../../src/db/knex.ts';

/**
 * What no sequence of events may leave behind: each row says of an order, or of an event, what is amiss. Empty when
 * all that was recorded was recorded whole.
 */
export async function inconsistencies(db: Knex): Promise<{ subject: string; amiss: string }[]> {
  const { rows } = await db.raw(`
    with history as (
      select order_id, array_agg(coalesce(from_status, 'new') || '>' || to_status order by id) as moves,
        (array_agg(to_status order by id desc))[1] as last, count(*) as moved, count(distinct to_status) as statuses
      from order_transitions group by order_id
    ),
    owed as (
      select orders.id,
        (select count(*) from fulfillments where order_id = orders.id) as fulfillments,
        (select count(*) from notifications where order_id = orders.id and kind = 'payment_failed') as refusals
      from orders
    )
    select checkout_session_id as subject, 'its transitions do not lead to ' || status as amiss
    from orders left join history on order_id = orders.id
    where last is distinct from status or moves[1] not like 'new>%' or moved <> statuses
      or exists (select from generate_series(2, moved) as n where split_part(moves[n], '>', 1) <> split_part(moves[n - 1], '>', 2))
    union all
    select checkout_session_id, fulfillments || ' fulfillments of an order that is ' || status
    from orders join owed using (id) where fulfillments <> case status when 'paid' then 1 else 0 end
    union all
    select checkout_session_id, refusals || ' mails of a failure'
    from orders join owed using (id) left join history on order_id = orders.id
    where refusals <> (select count(*) from unnest(moves) as move where move like '%>failed')
    union all
    select id, 'is applied without a transition' from stripe_events
    where outcome = 'applied' and not exists (select from order_transitions where event_id = stripe_events.id)
    union all
    select event_id, 'made a transition and is not recorded as applied' from order_transitions
    where event_id is not null
      and not exists (select from stripe_events where stripe_events.id = event_id and outcome = 'applied')
    union all
    select event_id, 'is owed a fulfillment and made no order paid' from fulfillments
    where event_id is not null and not exists (
      select from order_transitions as t
      where t.event_id = fulfillments.event_id and t.order_id = fulfillments.order_id and to_status = 'paid')`);
  return rows;
}
