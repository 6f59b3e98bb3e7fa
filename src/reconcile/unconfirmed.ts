import type { Knex } from '../db/knex.ts';
import { requestOfSession } from '../orders/handlers.ts';
import type { CheckoutSession } from '../stripe/checkout-session.ts';
import { type Asked, type Asking, askAbout, inGroups } from './ask.ts';

/** Orders that one statement reads. In a single statement for all of them PostgreSQL reads every line item there is. */
const STEP = 5_000;

/**
 * Orders that became paid in this time by a webhook or by hand, and of which Stripe's API has not said so. All others
 * need no second question: their line items are fetched only from a session that is paid, and what reconcile or the
 * landing page moved came from the API itself. So these are those that the worker has not come to yet, or that it
 * refused.
 *
 * Orders of connected accounts are left out: their sessions are not in the shop's own list.
 */
export async function* unconfirmedOrders(
  db: Knex,
  { since, upTo, livemode }: { since: number; upTo: number; livemode: boolean },
): AsyncGenerator<readonly Asked[]> {
  let after = await lastOrderBefore(db, since);
  for (;;) {
    const { rows } = await db.raw<{ rows: [{ last: number | null; orders: Asked[] }] }>(
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
    yield* inGroups(orders);
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

/** Asks Stripe for each. One that was inserted by hand as paid is owed nothing, and whether it should be, a person knows. */
export async function confirm(orders: readonly Asked[], run: Asking & { readonly db: Knex }): Promise<void> {
  const { db, livemode, found } = run;
  await askAbout(orders, run, async ({ id, checkout_session_id }, session) => {
    const reason = doubtOf(session, livemode);
    if (reason) return void found.notAtStripe.set(checkout_session_id, { order_id: id, reason });
    const owed = await db('fulfillments').where({ order_id: id }).first('id');
    if (!owed) found.unrepaired.set(checkout_session_id, `order ${id} is paid, and owes no fulfilment`);
  });
}

function doubtOf(session: CheckoutSession | null, livemode: boolean): string | null {
  if (session === null) return 'Stripe has no such session';
  const request = requestOfSession(session, livemode);
  if (request === null) return 'its session is not completed';
  return request.wanted === 'paid' ? null : 'its session is unpaid';
}
