import type { Knex } from '../db/knex.ts';
import { type Counted, percentile } from './acknowledgements.ts';

/** How the shop stands at this moment. Amounts are minor units. */
export interface Standing {
  /** Since midnight in the reader's zone, by currency; sessions that cost nothing have none. */
  readonly paid_today: readonly { currency: string | null; orders: number; amount: number }[];
  /** Paid, and neither fulfilled nor dead. */
  readonly owed: number;
  /** The order that has been paid and unfulfilled for the longest, dead or not. */
  readonly oldest: { readonly order_id: number; readonly waiting_seconds: number } | null;
  readonly dead_fulfillments: number;
  readonly dead_mails: number;
  readonly awaiting_payment: number;
}

export async function standingOf(db: Knex, zone: string): Promise<Standing> {
  const { rows } = await db.raw<{ rows: [Standing] }>(
    `with paid as (
       select o.currency, count(*) as orders, coalesce(sum(o.amount_total), 0) as amount
       from order_transitions t join orders o on o.id = t.order_id
       where t.to_status = 'paid'
         and t.occurred_at >= date_trunc('day', now() at time zone :zone) at time zone :zone
       group by o.currency
     ),
     unfulfilled as (
       select order_id, status, extract(epoch from now() - created_at)::float8 as waiting_seconds
       from fulfillments where status <> 'fulfilled'
     )
     select
       (select coalesce(json_agg(paid order by orders desc), '[]') from paid) as paid_today,
       (select count(*) from unfulfilled where status = 'pending') as owed,
       (select row_to_json(oldest) from (
          select order_id, waiting_seconds from unfulfilled order by waiting_seconds desc limit 1) as oldest) as oldest,
       (select count(*) from unfulfilled where status = 'dead') as dead_fulfillments,
       (select count(*) from notifications where status = 'dead') as dead_mails,
       (select count(*) from orders where status = 'awaiting_payment') as awaiting_payment`,
    { zone },
  );
  return rows[0];
}

export const ranges = {
  '24h': { unit: 'hour', before: '23 hours' },
  '30d': { unit: 'day', before: '29 days' },
} as const;
export type Range = keyof typeof ranges;

/** An hour or a day on the reader's clock. */
export interface Span {
  /** When it begins, as `2026-11-25T14:00`. */
  readonly at: string;
  readonly paid: number;
  readonly awaiting_payment: number;
  readonly failed: number;
  /** Milliseconds; null when no delivery came. */
  readonly p50: number | null;
  readonly p99: number | null;
}

/** The orders that were created in each hour or day, as they stand now, and how quickly deliveries were answered. */
export async function historyOf(db: Knex, range: Range, zone: string): Promise<Span[]> {
  type Row = Omit<Span, 'p50' | 'p99'> & { readonly counted: readonly Counted[] | null };
  const { rows } = await db.raw<{ rows: Row[] }>(
    `with span as (
       select generate_series(
         date_trunc(:unit, now() at time zone :zone) - cast(:before as interval),
         date_trunc(:unit, now() at time zone :zone),
         cast('1 ' || :unit as interval)) as at
     ),
     created as (
       select date_trunc(:unit, created_at at time zone :zone) as at,
         count(*) filter (where status = 'paid') as paid,
         count(*) filter (where status = 'awaiting_payment') as awaiting_payment,
         count(*) filter (where status = 'failed') as failed
       from orders where created_at >= (select min(at) from span) at time zone :zone
       group by 1
     ),
     answered as (
       select at, json_agg(json_build_object('within_ms', within_ms, 'deliveries', deliveries)) as counted
       from (
         select date_trunc(:unit, quarter at time zone :zone) as at, within_ms, sum(deliveries) as deliveries
         from acknowledgements where quarter >= (select min(at) from span) at time zone :zone
         group by 1, 2) as by_span
       group by at
     )
     select to_char(at, 'YYYY-MM-DD"T"HH24:MI') as at, coalesce(paid, 0) as paid,
       coalesce(awaiting_payment, 0) as awaiting_payment, coalesce(failed, 0) as failed, counted
     from span left join created using (at) left join answered using (at)
     order by span.at`,
    { ...ranges[range], zone },
  );
  return rows.map(({ counted, ...span }) => ({
    ...span,
    p50: percentile(counted ?? [], 0.5),
    p99: percentile(counted ?? [], 0.99),
  }));
}
