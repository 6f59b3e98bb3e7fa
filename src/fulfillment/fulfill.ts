import type { Knex } from 'knex';
import type Stripe from 'stripe';
import type { LineItem, Order } from '../orders/order.ts';
import { findLineItems, findOrder, storeLineItems } from '../orders/store.ts';
import { retrieveSessionWithItems, type SessionLineItem } from '../stripe/checkout-session.ts';
import { idOf, textOf } from '../stripe/shapes.ts';
import { AttemptFailed } from '../work/attempt.ts';
import type { Claim, Queue } from '../work/queue.ts';
import type { Fulfiller } from './fulfiller.ts';

export const fulfillments: Queue = { table: 'fulfillments', done: 'fulfilled', doneAt: 'fulfilled_at' };

interface Dependencies {
  readonly db: Knex;
  readonly stripe: Stripe;
  readonly fulfil: Fulfiller;
  /** The customer's receipt is owed from here on. */
  readonly onReceiptOwed: () => void;
}

/** One attempt at a fulfillment. No transaction is open while Stripe or the receiver is waited for. */
export function fulfillmentAttempt(dependencies: Dependencies) {
  const { db, fulfil } = dependencies;
  return async ({ order_id }: Claim, signal: AbortSignal): Promise<void> => {
    const order = await findOrder(db, order_id);
    const lineItems = await lineItemsOf(order, dependencies);
    signal.throwIfAborted();
    await fulfil({ order, lineItems, idempotencyKey: order.checkout_session_id }, signal);
  };
}

/**
 * From our own table, or the first time from Stripe. The session's payment status is checked once more
 * on the way: nothing is given away on the word of an event alone.
 */
async function lineItemsOf(
  order: Order,
  { db, stripe, onReceiptOwed }: Dependencies,
): Promise<readonly LineItem[]> {
  const stored = await findLineItems(db, order.id);
  if (stored.length > 0) return stored;
  const { session, lineItems } = await retrieveSessionWithItems(
    stripe,
    order.checkout_session_id,
    order.account,
  );
  if (session.payment_status === 'unpaid') throw new AttemptFailed('Stripe says that the session is unpaid');
  const items = lineItems.map(toLineItem);
  await db.transaction((trx) => storeLineItems(trx, order.id, items));
  onReceiptOwed();
  return items;
}

/** Its keys stand in the order in which they are read back, so that the receiver gets one body on every attempt. */
function toLineItem(item: SessionLineItem, position: number): LineItem {
  return {
    stripe_line_item_id: item.id,
    position,
    price_id: item.price?.id ?? null,
    product_id: idOf(item.price?.product),
    description: textOf(item.description),
    quantity: item.quantity ?? null,
    unit_amount: item.price?.unit_amount ?? null,
    amount_subtotal: item.amount_subtotal,
    amount_discount: item.amount_discount,
    amount_tax: item.amount_tax,
    amount_total: item.amount_total,
    currency: item.currency,
  };
}
