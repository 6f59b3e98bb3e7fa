import { setTimeout as pause } from 'node:timers/promises';
import type Stripe from 'stripe';
import type { Order } from '../orders/order.ts';
import { type CheckoutSession, retrieveSession } from '../stripe/checkout-session.ts';
import { atStripesPace } from '../stripe/rate-limit.ts';
import { type Dependencies, namesOfSession, takeEach } from './repair.ts';

export type Asked = Pick<Order, 'id' | 'checkout_session_id'>;

/**
 * The orders of a group, and the least time that it takes: 16 calls a second, of the 25 that Stripe allows. The worker
 * has the rest.
 */
const AT_ONCE = 4;
const TOGETHER_MS = 250;

/** A run asks for many, and one hiccup must not end it. */
const patient = { account: null, timeoutMs: 15_000, retries: 3 };

export function* inGroups(orders: readonly Asked[]): Generator<readonly Asked[]> {
  for (let n = 0; n < orders.length; n += AT_ONCE) yield orders.slice(n, n + AT_ONCE);
}

export interface Asking extends Pick<Dependencies, 'refuse' | 'livemode' | 'found'> {
  readonly stripe: Stripe;
}

/** Asks Stripe for the session of each, and hands it over as it is there now; null where Stripe has none. */
export async function askAbout(
  orders: readonly Asked[],
  asking: Asking,
  tell: (order: Asked, session: CheckoutSession | null) => unknown,
): Promise<void> {
  const { stripe, found } = asking;
  found.lookedAt.orders += orders.length;
  const sessions = orders.map((order) => ({ id: order.checkout_session_id, order }));
  const take = async ({ id, order }: (typeof sessions)[number]) => {
    const ask = () => retrieveSession(stripe, id, patient);
    await tell(order, await atStripesPace(ask));
  };
  await Promise.all([takeEach(sessions, take, namesOfSession, asking), pause(TOGETHER_MS)]);
}
