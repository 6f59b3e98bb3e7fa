import type { JetStreamClient } from '@nats-io/jetstream';
import type { Fulfiller } from '../../src/fulfillment/fulfiller.ts';

const SUBJECT = 'orders.paid';
const CONFIRM_WITHIN_MS = 5_000;

/**
 * Forwards each paid order to a stream. It counts as fulfilled once the broker has confirmed that the message is stored;
 * the broker itself drops a repeat of an id, for as long as the stream's duplicate window lasts.
 */
export function publishing(stream: () => Promise<JetStreamClient>): Fulfiller {
  return async ({ order, lineItems, idempotencyKey }) => {
    const message = {
      type: 'order.paid',
      timestamp: order.paid_at,
      data: { order, line_items: lineItems },
    };
    const broker = await stream();
    await broker.publish(SUBJECT, JSON.stringify(message), {
      msgID: idempotencyKey,
      timeout: CONFIRM_WITHIN_MS,
    });
  };
}
