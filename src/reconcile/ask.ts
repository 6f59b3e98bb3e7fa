import { setTimeout as pause } from 'node:timers/promises';
import Stripe from 'stripe';
import { BadRequest, messageOf } from '../errors.ts';
import { type CheckoutSession, retrieveSession } from '../stripe/checkout-session.ts';

/** Orders asked for together, and the least that takes: 16 calls a second, of Stripe's 25. The worker has the rest. */
export const AT_ONCE = 4;
const TOGETHER_MS = 250;

/** A run asks for many, and one hiccup must not end it. */
const patient = { account: null, timeoutMs: 15_000, retries: 3 };

export async function askTogether<T>(orders: readonly T[], ask: (order: T) => Promise<void>): Promise<void> {
  await Promise.all([...orders.map(ask), pause(TOGETHER_MS)]);
}

/**
 * The session as Stripe has it now, or null where it has none.
 * @throws {BadRequest} for one that can't be read
 */
export async function askFor(stripe: Stripe, id: string): Promise<CheckoutSession | null> {
  try {
    return await retrieveSession(stripe, id, patient);
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError))
      throw new BadRequest('session_unreadable', messageOf(error));
    if (error.statusCode === 404) return null;
    throw error;
  }
}
