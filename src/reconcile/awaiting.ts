import type { Knex } from 'knex';
import type Stripe from 'stripe';
import { requestOfSession } from '../orders/handlers.ts';
import { AT_ONCE, askFor, askTogether } from './ask.ts';
import { type Dependencies, put, unlessUnusable } from './repair.ts';

export interface Awaiting {
  readonly id: number;
  readonly checkout_session_id: string;
}

/** Orders that a statement reads. */
const STEP = 1_000;

/**
 * Orders that wait for their money, from 30 days before `since` on (seconds since 1970). Their session may be paid without
 * an event of its own, when the walk through the sessions has passed it: a payment that the shop captures by hand, days
 * later, tells of it by events of the payment alone.
 *
 * Orders of connected accounts are left out: their sessions are not the shop's own.
 */
export async function* awaitingOrders(
  db: Knex,
  { since, upTo, livemode }: { since: number; upTo: number; livemode: boolean },
): AsyncGenerator<readonly Awaiting[]> {
  for (let after = 0; ; ) {
    const { rows } = await db.raw<{ rows: Awaiting[] }>(
      `select id, checkout_session_id from orders
       where status = 'awaiting_payment' and livemode = :livemode and account is null
         and created_at >= to_timestamp(:since) - interval '30 days' and created_at < to_timestamp(:upTo)
         and id > :after
       order by id
       limit :step`,
      { since, upTo, livemode, after, step: STEP },
    );
    const last = rows.at(-1);
    if (!last) return;
    for (let n = 0; n < rows.length; n += AT_ONCE) yield rows.slice(n, n + AT_ONCE);
    after = last.id;
  }
}

/** Asks Stripe for each, and records those that are paid there. */
export async function takePaid(
  orders: readonly Awaiting[],
  dependencies: Dependencies & { readonly stripe: Stripe },
): Promise<void> {
  const { stripe, livemode, found } = dependencies;
  found.lookedAt.orders += orders.length;
  await askTogether(orders, ({ checkout_session_id }) =>
    unlessUnusable(checkout_session_id, found, async () => {
      const session = await askFor(stripe, checkout_session_id);
      const request = session && requestOfSession(session, livemode);
      if (request?.wanted === 'paid') await put({ source: 'reconcile', signed: null, request }, dependencies);
    }),
  );
}
