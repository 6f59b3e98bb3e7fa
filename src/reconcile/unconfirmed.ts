import type { Knex } from 'knex';
import type Stripe from 'stripe';
import { requestOfSession } from '../orders/handlers.ts';
import { AT_ONCE, askFor, askTogether } from './ask.ts';
import type { Findings } from './findings.ts';
import { unlessUnusable } from './repair.ts';

export interface Unconfirmed {
  readonly id: number;
  readonly checkout_session_id: string;
}

/** Orders that a statement reads. With one for all of them PostgreSQL reads every line item there is. */
const STEP = 5_000;

/**
 * Orders that were paid in this time and of which Stripe's API has not said so: by a webhook, or by hand. All others
 * need no second question: their line items are fetched only from a session that is paid, and what reconcile or the
 * landing page moved came from the API itself. So these are those that the worker has not come to yet, or that it refused.
 *
 * Orders of connected accounts are left out: their sessions are not in the shop's own list.
 */
export async function* unconfirmedOrders(
  db: Knex,
  { since, upTo, livemode }: { since: number; upTo: number; livemode: boolean },
): AsyncGenerator<readonly Unconfirmed[]> {
  let after = await lastOrderBefore(db, since);
  for (;;) {
    const { rows } = await db.raw<{ rows: [{ last: number | null; orders: Unconfirmed[] }] }>(
      `with step as (
         select id, checkout_session_id, status, livemode, account, paid_at from orders
         where id > :after order by id limit :step
       )
       select max(id) as last,
         coalesce(json_agg(json_build_object('id', id, 'checkout_session_id', checkout_session_id) order by id) filter (
           where status = 'paid' and livemode = :livemode and account is null
             and paid_at >= to_timestamp(:since) and paid_at < to_timestamp(:upTo)
             and not exists (select from order_line_items where order_id = step.id)
             and not exists (
               select from order_transitions
               where order_id = step.id and to_status = 'paid' and source <> 'webhook')), '[]') as orders
       from step`,
      { since, upTo, livemode, after, step: STEP },
    );
    const [{ last, orders }] = rows;
    if (last === null) return;
    for (let n = 0; n < orders.length; n += AT_ONCE) yield orders.slice(n, n + AT_ONCE);
    after = last;
  }
}

/** Money may come weeks after its order, so the walk begins a month earlier, where the index over creation says. */
async function lastOrderBefore(db: Knex, since: number): Promise<number> {
  const { rows } = await db.raw<{ rows: { id: number }[] }>(
    `select id from orders where created_at < to_timestamp(:since) - interval '30 days' order by created_at desc limit 1`,
    { since },
  );
  return rows[0]?.id ?? 0;
}

/** Asks Stripe for each. */
export async function confirm(
  orders: readonly Unconfirmed[],
  { stripe, livemode, found }: { stripe: Stripe; livemode: boolean; found: Findings },
): Promise<void> {
  found.lookedAt.orders += orders.length;
  await askTogether(orders, ({ id, checkout_session_id }) =>
    unlessUnusable(checkout_session_id, found, async () => {
      const reason = await doubtOf(stripe, checkout_session_id, livemode);
      if (reason) found.notAtStripe.set(checkout_session_id, { order_id: id, reason });
    }),
  );
}

async function doubtOf(stripe: Stripe, id: string, livemode: boolean): Promise<string | null> {
  const session = await askFor(stripe, id);
  if (session === null) return 'Stripe has no such session';
  const request = requestOfSession(session, livemode);
  if (request === null) return 'its session is not completed';
  return request.wanted === 'paid' ? null : 'its session is unpaid';
}
