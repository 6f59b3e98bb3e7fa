import type { Knex } from '../db/knex.ts';
import { notInHundredths } from '../notifications/money.ts';
import type { Order } from '../orders/order.ts';
import { LEASE_SECONDS } from '../work/queue.ts';
import { LATE_MINUTES } from '../work/standing.ts';
import type { Fulfillment } from './look-up.ts';
import type { OrderFilter } from './order-filter.ts';

/** What only an order's own page shows. */
type Unlisted =
  | 'account'
  | 'shipping_details'
  | 'custom_fields'
  | 'total_details'
  | 'metadata'
  | 'shipping_cost'
  | 'presentment_details';

/** A row of the list: an order, and how what it is owed stands. */
export interface ListedOrder extends Omit<Order, Unlisted>, Omit<Fulfillment, 'status' | 'attempts'> {
  /** Null: nothing is owed, for nothing is paid. */
  readonly fulfillment_status: Fulfillment['status'] | null;
  readonly attempts: number | null;
  /** The last of the attempts is being made. */
  readonly under_way: boolean;
  readonly age_seconds: number;
  /** Since its checkout for its money, or since its payment for its fulfilment; null when it waits for neither. */
  readonly waiting_seconds: number | null;
}

export interface Page {
  readonly orders: readonly ListedOrder[];
  /** Where the next page begins, to be given as `after`. Null on the last one. */
  readonly next: string | null;
}

/**
 * Orders, newest first. A page begins where the one before ended, not after so many rows: pages neither skip nor repeat an
 * order while new ones come in, and the thousandth is as quick as the first.
 *
 * An attempt is under way as `makeDue` has it. A filter that is null is folded away when the statement is planned, so each
 * set of filters has a plan of its own.
 */
export async function listOrders(
  db: Knex,
  filter: OrderFilter & { readonly ids?: readonly number[] },
  { limit, after }: { limit: number; after: string | null },
): Promise<Page> {
  const [after_us = null, after_id = null] = after?.split('_') ?? [];
  const { rows } = await db.raw<{ rows: (ListedOrder & { readonly place: string })[] }>(
    `select
       o.id, o.checkout_session_id, o.status, o.payment_status, o.mode, o.livemode, o.currency, o.amount_subtotal,
       o.amount_total, o.customer_id, o.customer_email, o.customer_name, o.client_reference_id, o.payment_intent_id,
       o.payment_link_id, o.customer_phone, o.subscription_id, o.created_at, o.updated_at, o.paid_at, o.failed_at,
       f.status as fulfillment_status, f.attempts,
       coalesce(f.attempts_lost > 0 and f.next_attempt_at between now() and now() + :lease * interval '1 second', false) as under_way,
       f.next_attempt_at, f.fulfilled_at, f.last_error,
       extract(epoch from now() - o.created_at)::float8 as age_seconds,
       case
         when o.status = 'awaiting_payment' then extract(epoch from now() - o.created_at)::float8
         when f.status <> 'fulfilled' then extract(epoch from now() - o.paid_at)::float8
       end as waiting_seconds,
       (extract(epoch from o.created_at) * 1000000)::bigint || '_' || o.id as place
     from orders o left join fulfillments f on f.order_id = o.id
     where (cast(:ids as bigint[]) is null or o.id = any (:ids))
       and (cast(:status as text) is null or o.status = :status)
       and (cast(:fulfillment as text) is null or f.status = :fulfillment)
       and (cast(:stuck as boolean) is null
         or f.status = 'dead' or f.status = 'pending' and o.paid_at < now() - :late * interval '1 minute')
       and (cast(:email as text) is null or lower(o.customer_email) = lower(:email))
       and (cast(:beginning as text) is null or lower(o.customer_email) like lower(:beginning))
       and (cast(:reference as text) is null or o.client_reference_id = :reference)
       and (cast(:minor as bigint) is null or o.amount_total = :minor)
       and (cast(:currency as text) is null or o.currency = :currency)
       and (cast(:other_currencies as text[]) is null or o.currency <> all (:other_currencies))
       and (cast(:session as text) is null or o.checkout_session_id = :session)
       and (cast(:event as text) is null
         or o.checkout_session_id = (select checkout_session_id from stripe_events where id = :event))
       and o.created_at >= coalesce(cast(:since_at as timestamptz), now() - cast(:since_ago as interval), '-infinity')
       and o.created_at < coalesce(cast(:until_at as timestamptz), now() - cast(:until_ago as interval), 'infinity')
       and (cast(:after_id as bigint) is null
         or (o.created_at, o.id) < (timestamptz 'epoch' + :after_us * interval '1 microsecond', :after_id))
     order by o.created_at desc, o.id desc
     limit :count`,
    {
      ...bindings(filter),
      ids: filter.ids ?? null,
      after_us,
      after_id,
      late: LATE_MINUTES,
      lease: LEASE_SECONDS,
      count: limit + 1,
    },
  );
  const page = rows.slice(0, limit);
  return {
    orders: page.map(({ place, ...order }) => order),
    next: rows.length > limit ? (page.at(-1)?.place ?? null) : null,
  };
}

function bindings(filter: OrderFilter) {
  const { fulfillment, email, since, until, amount } = filter;
  // Every address has an @.
  const beginning = /\*$|^[^@]*$/.test(email ?? '');
  const literal = email?.replace(/\*$/, '').replace(/[\\%_]/g, '\\$&');
  return {
    status: filter.status ?? null,
    fulfillment: fulfillment === 'stuck' ? null : (fulfillment ?? null),
    stuck: fulfillment === 'stuck' || null,
    email: beginning ? null : (email ?? null),
    beginning: beginning && email ? `${literal}%` : null,
    reference: filter.reference ?? null,
    minor: amount?.minor ?? null,
    currency: amount?.currency ?? null,
    other_currencies: amount?.currency === null ? notInHundredths : null,
    session: filter.session ?? null,
    event: filter.event ?? null,
    since_at: since && 'at' in since ? since.at : null,
    since_ago: since && 'ago' in since ? `${since.ago} seconds` : null,
    until_at: until && 'at' in until ? until.at : null,
    until_ago: until && 'ago' in until ? `${until.ago} seconds` : null,
  };
}
