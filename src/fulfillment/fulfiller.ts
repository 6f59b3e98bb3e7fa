import type { Logger } from '../logger.ts';
import type { LineItem, Order } from '../orders/order.ts';

/** A paid order with everything in it, and how to tell a repeated call from a new one. */
export interface PaidOrder {
  readonly order: Order;
  /** All of them, in Stripe's order. */
  readonly lineItems: readonly LineItem[];
  /** The order's own, the same on every attempt: whoever keeps it is never told twice. */
  readonly idempotencyKey: string;
}

/**
 * Gives the customer what was paid for. Returning means fulfilled. Throwing means: again after a
 * pause, until the attempts are used up. The signal says when to stop: the process ends, or its lease is lost.
 */
export type Fulfiller = (paid: PaidOrder, signal: AbortSignal) => Promise<void>;

/** Fulfilment for whoever has nothing to call yet: the log says it, the `fulfillments` table keeps it. */
export function logFulfiller(log: Logger): Fulfiller {
  return async ({ order, lineItems, idempotencyKey }) => {
    log.info(
      {
        order_id: order.id,
        checkout_session_id: order.checkout_session_id,
        idempotency_key: idempotencyKey,
        amount_total: order.amount_total,
        currency: order.currency,
        line_items: lineItems.length,
      },
      'order paid: fulfil it now (set FULFILLMENT_URL to be called instead)',
    );
  };
}
