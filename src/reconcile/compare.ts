import type { Order, SessionFields } from '../orders/order.ts';

const fields = ['currency', 'amount_total', 'amount_subtotal'] as const;

export type Compared = Pick<Order, 'id' | 'checkout_session_id' | (typeof fields)[number]>;

export interface Difference {
  readonly order_id: number;
  readonly checkout_session_id: string;
  readonly field: (typeof fields)[number];
  readonly here: string | number | null;
  readonly at_stripe: string | number | null;
}

/** Where an order and its session speak of different money. */
export function differencesOf(
  order: Compared,
  session: Pick<SessionFields, (typeof fields)[number]>,
): Difference[] {
  return fields
    .filter((field) => order[field] !== session[field])
    .map((field) => ({
      order_id: order.id,
      checkout_session_id: order.checkout_session_id,
      field,
      here: order[field],
      at_stripe: session[field],
    }));
}
