import type { Knex } from 'knex';

/**
 * Views with amounts as people write them, and ages. Those that are short, or are read from the top, bring their order along;
 * orders_overview does not, since whoever counts would pay for it.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- As src/notifications/money.ts has it: a test compares the two. Neither strict nor plpgsql, so that it is
    -- inlined into the query: a call for each of a million orders would take seconds.
    create function major_units(amount bigint, currency text) returns numeric
    language sql immutable parallel safe as $$
      select case
        when currency is null then null
        when upper(currency) in (
          'BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF')
          then amount::numeric
        when upper(currency) in ('BHD', 'JOD', 'KWD', 'OMR', 'TND') then round(amount / 1000.0, 3)
        else round(amount / 100.0, 2)
      end
    $$;

    create view orders_overview as
    select
      o.id, o.checkout_session_id, o.status,
      major_units(o.amount_total, o.currency) as amount, o.currency,
      o.customer_email, o.customer_name, o.client_reference_id, o.livemode,
      o.created_at, o.paid_at, o.failed_at,
      f.status as fulfillment, f.attempts, f.next_attempt_at, f.fulfilled_at, f.last_error,
      date_trunc('second', now() - o.created_at) as age,
      date_trunc('second', case
        when o.status = 'awaiting_payment' then now() - o.created_at
        when f.status <> 'fulfilled' then now() - o.paid_at
      end) as waiting
    from orders o left join fulfillments f on f.order_id = o.id;

    create view orders_stuck as
    select * from orders_overview
    where fulfillment = 'dead' or fulfillment = 'pending' and paid_at < now() - interval '15 minutes'
    order by paid_at;

    create view revenue_by_day as
    select
      cast(paid_at at time zone 'UTC' as date) as day, currency, livemode,
      count(*) as orders, major_units(sum(amount_total)::bigint, currency) as amount
    from orders
    where paid_at is not null
    group by cast(paid_at at time zone 'UTC' as date), currency, livemode
    order by day desc, currency;

    create view events_recent as
    select
      e.id, e.type, e.outcome, e.checkout_session_id, o.id as order_id, e.livemode, e.account, e.created_at, e.received_at,
      date_trunc('second', now() - e.received_at) as age,
      date_trunc('second', e.received_at - e.created_at) as took
    from stripe_events e left join orders o on o.checkout_session_id = e.checkout_session_id
    where e.payload is not null
    order by e.received_at desc;

    create view work_dead as
    select
      dead.work, dead.id, o.id as order_id, o.checkout_session_id, o.customer_email,
      major_units(o.amount_total, o.currency) as amount, o.currency,
      dead.attempts, dead.last_error, dead.created_at, dead.died_at,
      date_trunc('second', now() - dead.created_at) as age
    from (
      select 'fulfillment' as work, id, order_id, attempts, last_error, created_at, died_at
      from fulfillments where status = 'dead'
      union all
      select kind, id, order_id, attempts, last_error, created_at, died_at
      from notifications where status = 'dead'
    ) as dead
    join orders o on o.id = dead.order_id
    order by dead.created_at;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop view orders_stuck, orders_overview, revenue_by_day, events_recent, work_dead;
    drop function major_units;
  `);
}
