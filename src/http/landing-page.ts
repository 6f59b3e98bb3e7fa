import express, { type RequestHandler, type Router } from 'express';
import Stripe from 'stripe';
import type { Knex } from '../db/knex.ts';
import { BadRequest, messageOf, only } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { requestOfSession } from '../orders/handlers.ts';
import type { Ledger, News } from '../orders/ledger.ts';
import { accountOf, findOrder } from '../orders/store.ts';
import { type CheckoutSession, retrieveSession } from '../stripe/checkout-session.ts';
import { idPattern } from '../stripe/shapes.ts';
import { within } from '../within.ts';
import { refuse } from './answer.ts';

/** A customer waits for the page that calls this. */
const STRIPE_WITHIN_MS = 4_000;
const DATABASE_WITHIN_MS = 4_500;

interface Dependencies {
  readonly access: RequestHandler;
  readonly stripe: Stripe;
  readonly record: Ledger;
  readonly db: Knex;
  readonly livemode: boolean;
  readonly log: Logger;
}

/**
 * The shop's success page may be faster than the webhook, and calls this so that the customer sees a paid order
 * (https://docs.stripe.com/checkout/fulfillment). What Stripe's API says of the session goes through the same state
 * machine as an event, so the two may race.
 */
export function landingPageRouter({ access, stripe, record, db, livemode, log }: Dependencies): Router {
  const router = express.Router();
  router.use('/checkout-sessions', access);
  router.post('/checkout-sessions/:id/fulfill', async (req, res) => {
    const { id } = req.params;
    const refuseSession = ({ code, message }: BadRequest) => {
      log.error({ checkout_session_id: id, reason: message }, 'checkout session refused');
      refuse(res, 502, code, message);
    };

    const found = await lookUp(id, { stripe, db });
    if (found === null)
      return refuse(
        res,
        404,
        'no_such_session',
        'Stripe has no such checkout session in the account and mode of STRIPE_SECRET_KEY.',
      );
    if (isRefusal(found)) {
      log.error(
        { checkout_session_id: id, reason: messageOf(found) },
        'Stripe refuses what STRIPE_SECRET_KEY asks for',
      );
      const message = 'Stripe refuses to answer this service. A person must see to its STRIPE_SECRET_KEY.';
      return refuse(res, 502, 'stripe_refused', message);
    }
    if (found instanceof BadRequest) return refuseSession(found);
    if (found instanceof Error) {
      log.warn({ checkout_session_id: id, reason: messageOf(found) }, 'Stripe could not be asked');
      return refuse(res, 502, 'stripe_unreachable', 'Stripe could not be asked. Try again.');
    }
    const request = requestOfSession(found, livemode);
    if (request === null)
      return refuse(res, 409, 'not_completed', 'The checkout session is not completed, or makes no order.');

    const news: News = { source: 'landing_page', signed: null, request };
    const taken = await within(DATABASE_WITHIN_MS, record(news)).catch(only(BadRequest));
    if (taken instanceof BadRequest) return refuseSession(taken);
    const { order_id, ...recorded } = taken;
    log.info({ checkout_session_id: id, order_id, ...recorded }, 'checkout session looked up');
    res.json(await within(DATABASE_WITHIN_MS, findOrder(db, order_id as number)));
  });
  return router;
}

/** Null: Stripe has no such session. */
async function lookUp(
  id: string,
  { stripe, db }: Pick<Dependencies, 'stripe' | 'db'>,
): Promise<CheckoutSession | null | Error> {
  if (!idPattern('cs').test(id)) return null;
  const account = await within(DATABASE_WITHIN_MS, accountOf(db, id));
  try {
    // Limited twice: the client's own timeout is for the head of the answer, and then once more for its body. `within` is
    // for both together.
    const once = { account, timeoutMs: STRIPE_WITHIN_MS, retries: 0 };
    return await within(STRIPE_WITHIN_MS, retrieveSession(stripe, id, once));
  } catch (error) {
    return error as Error;
  }
}

/** Trying again never helps: the key is no key any more, or a restricted one that may not read sessions. */
function isRefusal(found: unknown): found is Error {
  return found instanceof Stripe.errors.StripeError && [401, 403].includes(found.statusCode ?? 0);
}
