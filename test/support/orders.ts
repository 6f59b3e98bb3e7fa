import type { Knex } from '../../src/db/knex.ts';
import type { LineItem } from '../../src/orders/order.ts';
import { newId } from './new-id.ts';

/** An order as the ledger would leave it, paid unless its columns say otherwise. */
export async function insertOrder(db: Knex, columns: Readonly<Record<string, unknown>> = {}) {
  const status = columns.status ?? 'paid';
  const [order] = await db('orders')
    .insert({
      checkout_session_id: newId('cs_test'),
      status,
      payment_status: status === 'paid' ? 'paid' : 'unpaid',
      mode: 'payment',
      livemode: false,
      currency: 'usd',
      amount_total: 6498,
      customer_email: 'jenny@example.com',
      paid_at: status === 'paid' ? db.fn.now() : null,
      failed_at: status === 'failed' ? db.fn.now() : null,
      ...columns,
    })
    .returning(['id', 'checkout_session_id']);
  return order as { readonly id: number; readonly checkout_session_id: string };
}

/** What a paid order is owed: pending unless its columns say otherwise. */
export async function insertFulfillment(
  db: Knex,
  orderId: number,
  columns: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const status = columns.status ?? 'pending';
  await db('fulfillments').insert({
    order_id: orderId,
    status,
    next_attempt_at: status === 'pending' ? db.fn.now() : null,
    fulfilled_at: status === 'fulfilled' ? db.fn.now() : null,
    ...columns,
  });
}

/** A line item as an order has it. */
export const storedItem = (position: number, overrides: Partial<LineItem> = {}): LineItem => ({
  stripe_line_item_id: `li_${position}`,
  position,
  price_id: 'price_1',
  product_id: 'prod_1',
  description: 'Mug "No. 1" – 5 €',
  quantity: 2,
  unit_amount: 1999,
  amount_subtotal: 3998,
  amount_discount: 300,
  amount_tax: 17,
  amount_total: 2 ** 53 - 1,
  currency: 'eur',
  metadata: { sku: 'MUG-1', engraving: 'For "Jo" – 5', 10: '', a: '' },
  ...overrides,
});
