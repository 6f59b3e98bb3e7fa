import type { Knex } from 'knex';
import type { LineItem, Order } from './order.ts';

export async function findOrder(db: Knex, id: number): Promise<Order> {
  const order = await db<Order>('orders').where({ id }).first();
  if (!order) throw new Error(`there is no order ${id}`);
  return order as Order;
}

/** In Stripe's order; none before the worker has fetched them. */
export async function findLineItems(db: Knex, orderId: number): Promise<LineItem[]> {
  const { rows } = await db.raw<{ rows: LineItem[] }>(
    `select stripe_line_item_id, position, price_id, product_id, description, quantity, unit_amount,
       amount_subtotal, amount_discount, amount_tax, amount_total, currency
     from order_line_items where order_id = :orderId order by position`,
    { orderId },
  );
  return rows;
}

/**
 * Keeps an order's items, and with them owes the customer the receipt that names them. Both once:
 * a repeat changes nothing.
 */
export async function storeLineItems(
  trx: Knex.Transaction,
  orderId: number,
  items: readonly LineItem[],
): Promise<void> {
  const rows = items.map((item) => ({ ...item, order_id: orderId }));
  if (rows.length > 0) await trx('order_line_items').insert(rows).onConflict().ignore();
  await trx('notifications')
    .insert({ order_id: orderId, kind: 'order_paid' })
    .onConflict(['order_id', 'kind'])
    .ignore();
}
