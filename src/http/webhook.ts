import express, { type RequestHandler, type Router } from 'express';
import { BadRequest, messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { requestOf } from '../orders/handlers.ts';
import type { Ledger } from '../orders/ledger.ts';
import { type SignedEvent, verifyEvent } from '../stripe/signature.ts';
import { within } from './deadline.ts';

/** Stripe's events are far smaller; its own limit is not documented. */
const MAX_BODY = 1024 * 1024;

/**
 * Checkout holds the customer's redirect for up to 10 s until this endpoint has answered
 * (https://docs.stripe.com/checkout/fulfillment): every answer is out within 5 s, whatever fails.
 */
const ANSWER_WITHIN_MS = 4_000;

interface Dependencies {
  readonly record: Ledger;
  readonly secrets: readonly string[];
  readonly livemode: boolean;
  readonly log: Logger;
}

export function webhookRouter(dependencies: Dependencies): Router {
  const router = express.Router();
  router
    .route('/webhook')
    // Stripe sends plain JSON: compressed bodies are refused before they can grow.
    .post(express.raw({ type: () => true, limit: MAX_BODY, inflate: false }), receive(dependencies))
    .all((_req, res) => {
      res
        .status(405)
        .set('Allow', 'POST')
        .json({ error: { code: 'method_not_allowed', message: 'Use POST.' } });
    });
  return router;
}

function receive({ record, secrets, livemode, log }: Dependencies): RequestHandler {
  return async (req, res) => {
    const body = Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0);
    let ids: ReturnType<typeof idsOf> | null = null;
    try {
      const signed = verifyEvent(body, req.get('stripe-signature'), secrets);
      ids = idsOf(signed);
      const request = requestOf(signed, livemode);
      const recorded = await within(ANSWER_WITHIN_MS, record({ source: 'webhook', signed, request }));
      log.info({ ...ids, ...recorded }, 'event recorded');
    } catch (error) {
      const report = { ...ids, reason: messageOf(error) };
      if (ids === null) log.warn(report, 'delivery refused');
      else if (error instanceof BadRequest) log.error(report, 'event refused');
      else log.error(report, 'event not kept; Stripe will send it again');
      throw error;
    }
    res.json({ received: true });
  };
}

function idsOf({ event: { id, type, data } }: SignedEvent) {
  const { object } = data;
  return {
    event_id: id,
    type,
    checkout_session_id: object.object === 'checkout.session' ? object.id : undefined,
  };
}
