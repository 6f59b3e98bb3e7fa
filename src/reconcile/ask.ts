import Stripe from 'stripe';
import { BadRequest, messageOf } from '../errors.ts';
import { type CheckoutSession, retrieveSession } from '../stripe/checkout-session.ts';

/** Orders asked for at once: far below Stripe's limit of 25 calls a second, of which the worker has its share. */
export const AT_ONCE = 4;

const ANSWER_WITHIN_MS = 15_000;

/**
 * The session as Stripe has it now, or null where it has none.
 * @throws {BadRequest} for one that can't be read
 */
export async function askFor(stripe: Stripe, id: string): Promise<CheckoutSession | null> {
  try {
    return await retrieveSession(stripe, id, null, ANSWER_WITHIN_MS);
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError))
      throw new BadRequest('session_unreadable', messageOf(error));
    if (error.statusCode === 404) return null;
    throw error;
  }
}
