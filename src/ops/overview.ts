import type { Knex } from '../db/knex.ts';
import type { MailKind } from '../notifications/notify.ts';
import { LATE_MINUTES } from '../work/standing.ts';
import { type DeliveriesWithin, percentile } from './acknowledgements.ts';
import { wallClock } from './wall-clock.ts';

/** How the shop stands at this moment. Amounts are minor units. */
export interface ShopStanding {
  /** Since midnight in the reader's zone, by currency; sessions that cost nothing have none. */
  readonly paid_today: readonly { currency: string | null; orders: number; amount: number }[];
  /** Paid, and neither fulfilled nor dead. */
  readonly owed: number;
  /** The order that has been paid and unfulfilled for the longest, dead or not. */
  readonly oldest: { readonly order_id: number; readonly waiting_seconds: number } | null;
  /** As the list of orders has it. */
  readonly stuck: number;
  /** Those of them that wait for the longest. */
  readonly longest_stuck: readonly number[];
  readonly dead_fulfillments: number;
  readonly dead_mails: number;
  /** The latest of them. */
  readonly mails: readonly { order_id: number; kind: MailKind; last_error: string }[];
  readonly awaiting_payment: number;
}

/** @param now the database's time */
export async function shopStandingOf(db: Knex, zone: string, now: Date): Promise<ShopStanding> {
  const clock = wallClock(zone);
  const midnight = new Date(clock.instantOf(lastOf(DAY_MS, clock.shownAt(now.getTime()))));
  const { rows } = await db.raw<{ rows: [ShopStanding] }>(
    `with paid as (
       select currency, count(*) as orders, coalesce(sum(amount_total), 0) as amount
       from orders
       -- The day of UTC is what an index has.
       where paid_at >= :midnight
         and cast(paid_at at time zone 'UTC' as date) >= cast(cast(:midnight as timestamptz) at time zone 'UTC' as date)
       group by currency
     ),
     unfulfilled as (
       select order_id, status, extract(epoch from now() - created_at)::float8 as waiting_seconds
       from fulfillments where status <> 'fulfilled'
     ),
     stuck as (
       select order_id, waiting_seconds from unfulfilled where status = 'dead' or waiting_seconds > :late * 60
     )
     select
       (select coalesce(json_agg(paid order by orders desc), '[]') from paid) as paid_today,
       (select count(*) from unfulfilled where status = 'pending') as owed,
       (select row_to_json(oldest) from (
          select order_id, waiting_seconds from unfulfilled order by waiting_seconds desc limit 1) as oldest) as oldest,
       (select count(*) from stuck) as stuck,
       (select coalesce(json_agg(order_id), '[]') from (
          select order_id from stuck order by waiting_seconds desc limit 5) as longest) as longest_stuck,
       (select count(*) from unfulfilled where status = 'dead') as dead_fulfillments,
       (select count(*) from notifications where status = 'dead') as dead_mails,
       (select coalesce(json_agg(mail), '[]') from (
          select order_id, kind, last_error from notifications where status = 'dead' order by id desc limit 5) as mail) as mails,
       (select count(*) from orders where status = 'awaiting_payment') as awaiting_payment`,
    { midnight, late: LATE_MINUTES },
  );
  return rows[0];
}

const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;

/** What the charts may show: so many spans of so many milliseconds. */
export const ranges = {
  '24h': { count: 24, ms: HOUR_MS },
  '30d': { count: 30, ms: DAY_MS },
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

/**
 * The orders that were created in each hour or day, as they stand now, and how quickly deliveries were answered. Each span is
 * counted by itself, from the indexes alone: a month of 200,000 orders a year took 5 ms so, and 25 ms when they were grouped.
 *
 * When a span begins is reckoned here, since browsers name zones that PostgreSQL may not know: Chrome's Asia/Calcutta is an
 * old name, and Debian has those in a package of their own.
 * @param now the database's time
 */
export async function historyOf(db: Knex, range: Range, zone: string, now: Date): Promise<Span[]> {
  type Row = Omit<Span, 'at' | 'p50' | 'p99'> & { readonly counted: readonly DeliveriesWithin[] };
  const { count, ms } = ranges[range];
  const clock = wallClock(zone);
  const last = lastOf(ms, clock.shownAt(now.getTime()));
  const shown = Array.from({ length: count + 1 }, (_, i) => last + (i + 1 - count) * ms);
  const borders = shown.map((at) => new Date(clock.instantOf(at)));
  const { rows } = await db.raw<{ rows: Row[] }>(
    `with span as (
       select * from unnest(cast(:begins as timestamptz[]), cast(:ends as timestamptz[]))
         with ordinality as span (begins, ends, place)
     ),
     counted as (
       select place,
         (select count(*) from orders where created_at >= begins and created_at < ends) as created,
         (select count(*) from orders
          where status = 'awaiting_payment' and created_at >= begins and created_at < ends) as awaiting_payment,
         (select count(*) from orders
          where status = 'failed' and created_at >= begins and created_at < ends) as failed,
         (select coalesce(json_agg(answered), '[]') from (
            select within_ms, sum(deliveries) as deliveries from acknowledgements
            where quarter >= begins and quarter < ends group by within_ms) as answered) as counted
       from span
     )
     select created - awaiting_payment - failed as paid, awaiting_payment, failed, counted
     from counted order by place`,
    { begins: borders.slice(0, -1), ends: borders.slice(1) },
  );
  return rows.map(({ counted, ...span }, i) => ({
    at: new Date(shown[i] as number).toISOString().slice(0, 16),
    ...span,
    p50: percentile(counted, 0.5),
    p99: percentile(counted, 0.99),
  }));
}

/** When the last hour or day began, by what a clock shows. */
function lastOf(ms: number, shown: number): number {
  return Math.floor(shown / ms) * ms;
}
