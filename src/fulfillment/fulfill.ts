import type Stripe from 'stripe';
import type { Knex } from '../db/knex.ts';
import { shared } from '../db/shared.ts';
import type { LineItem, Order } from '../orders/order.ts';
import { findOrdersWithItems, type OrderWithItems, type Purchase, storeLineItems } from '../orders/store.ts';
import { retrieveSessionWithItems, type SessionLineItem } from '../stripe/checkout-session.ts';
import { atStripesPace } from '../stripe/rate-limit.ts';
import { idOf, jsonOf, textOf } from '../stripe/shapes.ts';
import { calling } from '../tracing/spans.ts';
import { inTurns } from '../turns.ts';
import { AttemptFailed } from '../work/attempt.ts';
import type { Work } from '../work/kind.ts';
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

/** Once it is prepared, no items mean that Stripe knows of none. */
interface Owed extends OrderWithItems {
  readonly isPrepared?: boolean;
}

/** Fulfilling paid orders. No transaction is open while Stripe or the receiver is waited for. */
export function fulfillmentWork({ db, stripe, fulfil, onReceiptOwed }: Dependencies): Work<Claim, Owed> {
  const store = shared(
    async (purchases: readonly Purchase[]) => {
      await storeLineItems(db, purchases);
      onReceiptOwed();
      return purchases;
    },
    ({ orderId }) => String(orderId),
  );
  /**
   * Orders whose items were stored together are signed and sent one at a time. In one go they kept deliveries waiting: p99 of
   * 500/s beside a backlog was 126 ms, and is 69 (medians of five rounds in turns, on a slow machine).
   */
  const turn = inTurns(1);

  /** From our own table, or the first time from Stripe. */
  async function itemsOf(
    { order, lineItems: stored, isPrepared }: Owed,
    signal: AbortSignal,
  ): Promise<readonly LineItem[]> {
    if (isPrepared || stored.length > 0) return stored;
    const items = await fetchLineItems(stripe, order, signal);
    await store({ orderId: order.id, items });
    return items;
  }
  return {
    queue: fulfillments,
    load: (rows) =>
      findOrdersWithItems(
        db,
        rows.map(({ order_id }) => order_id),
      ),
    sessionOf: ({ order }) => order.checkout_session_id,
    async prepare(subject, signal) {
      return { ...subject, lineItems: await itemsOf(subject, signal), isPrepared: true };
    },
    async perform(subject, signal) {
      const { order } = subject;
      const lineItems = await itemsOf(subject, signal);
      await turn();
      signal.throwIfAborted();
      await fulfil({ order, lineItems, idempotencyKey: order.checkout_session_id }, signal);
    },
  };
}

/** The session's payment status is checked once more on the way: nothing is given away on the word of an event alone. */
async function fetchLineItems(
  stripe: Stripe,
  { checkout_session_id, account }: Order,
  signal: AbortSignal,
): Promise<readonly LineItem[]> {
  const { session, lineItems } = await calling('Stripe: retrieve checkout session', () =>
    atStripesPace(() => retrieveSessionWithItems(stripe, checkout_session_id, account), signal),
  );
  if (session.payment_status === 'unpaid') throw new AttemptFailed('Stripe says that the session is unpaid');
  return lineItems.map(toLineItem);
}

/** Its keys stand in the order in which they are read back, so that the receiver gets one body on every attempt. */
function toLineItem(item: SessionLineItem, position: number): LineItem {
  return {
    stripe_line_item_id: item.id,
    position,
    price_id: textOf(item.price?.id),
    product_id: textOf(idOf(item.price?.product)),
    description: textOf(item.description),
    quantity: item.quantity ?? null,
    unit_amount: unitAmountOf(item),
    amount_subtotal: item.amount_subtotal,
    amount_discount: item.amount_discount,
    amount_tax: item.amount_tax,
    amount_total: item.amount_total,
    currency: item.currency,
    metadata: jsonOf(item.metadata),
  };
}

/** A price in several currencies tells its amount in the default one, whichever was paid in. A lean stand-in tells no currency. */
function unitAmountOf({ price, currency }: SessionLineItem): number | null {
  return price && (price.currency ?? currency) === currency ? (price.unit_amount ?? null) : null;
}
