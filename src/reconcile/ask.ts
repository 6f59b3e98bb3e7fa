import { setTimeout as pause } from 'node:timers/promises';
import type Stripe from 'stripe';
import type { Order } from '../orders/order.ts';
import { type CheckoutSession, retrieveSession } from '../stripe/checkout-session.ts';
import { atStripesPace } from '../stripe/rate-limit.ts';
import type { Findings } from './findings.ts';
import { unlessUnusable } from './repair.ts';

/** An order whose session Stripe is asked for. */
export type Asked = Pick<Order, 'id' | 'checkout_session_id'>;

/**
 * The orders of a group, and the least time that it takes: 16 calls a second, of the 25 that Stripe allows. The worker
 * has the rest.
 */
const AT_ONCE = 4;
const TOGETHER_MS = 250;

/** A run asks for many, and one hiccup must not end it. */
const patient = { account: null, timeoutMs: 15_000, retries: 3 };

/** In groups for askAbout. */
export function* inGroups(orders: readonly Asked[]): Generator<readonly Asked[]> {
  for (let n = 0; n < orders.length; n += AT_ONCE) yield orders.slice(n, n + AT_ONCE);
}

/** Asks Stripe for the session of each, and hands it over as it is there now; null where Stripe has none. */
export async function askAbout(
  orders: readonly Asked[],
  { stripe, found }: { readonly stripe: Stripe; readonly found: Findings },
  tell: (order: Asked, session: CheckoutSession | null) => unknown,
): Promise<void> {
  found.lookedAt.orders += orders.length;
  const each = (order: Asked) =>
    unlessUnusable(order.checkout_session_id, found, async () => {
      const ask = () => retrieveSession(stripe, order.checkout_session_id, patient);
      await tell(order, await atStripesPace(ask));
    });
  await Promise.all([...orders.map(each), pause(TOGETHER_MS)]);
}
