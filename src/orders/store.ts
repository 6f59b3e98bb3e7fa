import type { Knex } from '../db/knex.ts';
import type { LineItem, Order } from './order.ts';

export async function findOrder(db: Knex, id: number): Promise<Order> {
  const order = await db<Order>('orders').where({ id }).first();
  if (!order) throw new Error(`there is no order ${id}`);
  return order;
}

/** The connected account that a session belongs to; null for the shop's own, and where no order tells. */
export async function accountOf(db: Knex, checkoutSessionId: string): Promise<string | null> {
  const order = await db<Order>('orders').where({ checkout_session_id: checkoutSessionId }).first('account');
  return order?.account ?? null;
}

/** An order with its items in Stripe's order; none before the worker has fetched them. */
export interface OrderWithItems {
  readonly order: Order;
  readonly lineItems: readonly LineItem[];
}

/** Of each id, in the order of the ids. */
export async function findOrdersWithItems(db: Knex, ids: readonly number[]): Promise<OrderWithItems[]> {
  const [orders, items] = await Promise.all([
    db.raw<{ rows: Order[] }>('select * from orders where id = any (:ids)', { ids }),
    db.raw<{ rows: { order_id: number; items: LineItem[] }[] }>(
      `select order_id, json_agg(json_build_object(
         'stripe_line_item_id', stripe_line_item_id, 'position', position, 'price_id', price_id,
         'product_id', product_id, 'description', description, 'quantity', quantity, 'unit_amount', unit_amount,
         'amount_subtotal', amount_subtotal, 'amount_discount', amount_discount, 'amount_tax', amount_tax,
         'amount_total', amount_total, 'currency', currency, 'metadata', metadata) order by position) as items
       from order_line_items where order_id = any (:ids) group by order_id`,
      { ids },
    ),
  ]);
  const orderOf = new Map(orders.rows.map((order) => [order.id, order]));
  const itemsOf = new Map(items.rows.map((row) => [row.order_id, row.items]));
  return ids.map((id) => {
    const order = orderOf.get(id);
    if (!order) throw new Error(`there is no order ${id}`);
    return { order, lineItems: itemsOf.get(id) ?? [] };
  });
}

export interface Purchase {
  readonly orderId: number;
  readonly items: readonly LineItem[];
}

/**
 * Keeps the items of orders, and with them owes each customer the receipt that names them: in one statement, and so
 * together. A repeat changes nothing.
 * Of a customer who was erased meanwhile no metadata is kept, and no receipt is owed to them: it would be dead at once, and a
 * person be called for it. The same goes for an order that a person closed meanwhile: it may have been refunded, or be erased in
 * this very moment. A close or an erasure and this statement wait for each other by the lock on the fulfilment.
 */
export async function storeLineItems(db: Knex, purchases: readonly Purchase[]): Promise<void> {
  const items = purchases.flatMap(({ orderId, items }) =>
    items.map((item) => ({ ...item, order_id: orderId })),
  );
  await db.raw(
    `with held as (
       select order_id, status from fulfillments where order_id = any (:ids) order by id for share
     ),
     closed_or_erased as (
       select order_id from held where status = 'fulfilled'
       union all
       select id from orders
       where id = any (:ids) and customer_email is null
         and exists (select from ops_actions where subject = orders.id::text and action = 'erase')
     ),
     stored as (
       insert into order_line_items (
         order_id, stripe_line_item_id, position, price_id, product_id, description, quantity, unit_amount,
         amount_subtotal, amount_discount, amount_tax, amount_total, currency, metadata)
       select
         order_id, stripe_line_item_id, position, price_id, product_id, description, quantity, unit_amount,
         amount_subtotal, amount_discount, amount_tax, amount_total, currency,
         case when order_id not in (table closed_or_erased) then metadata end
       from json_populate_recordset(null::order_line_items, :items)
       order by order_id, position
       on conflict do nothing
     )
     insert into notifications (order_id, kind)
     select id, 'order_paid' from orders
     where id = any (:ids) and id not in (table closed_or_erased)
     order by id
     on conflict (order_id, kind) do nothing`,
    { items: JSON.stringify(items), ids: purchases.map(({ orderId }) => orderId) },
  );
}
