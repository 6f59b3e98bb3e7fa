import type { Order } from '../orders/order.ts';

/** What is added to an order's items at their subtotals, or taken off them. The last one is the total. */
export interface Sum {
  readonly label: string;
  /** In minor units. */
  readonly amount: number;
  readonly currency: string;
}

/** None where the session tells no total. */
export function sumsOf(order: Order): Sum[] {
  const { currency, amount_subtotal, amount_total, total_details } = order;
  if (currency === null || amount_total === null) return [];
  const discount = detail(total_details, 'amount_discount');
  const shipping = detail(total_details, 'amount_shipping');
  const tax = detail(total_details, 'amount_tax');
  const onTop = amount_subtotal === null ? tax : amount_total - (amount_subtotal - discount + shipping);
  // Some prices may include it, and others not. Where the sums add up neither way, it is shown as Stripe has it.
  const taxAdded = onTop >= 0 && onTop <= tax ? onTop : tax;
  const sum = (label: string, amount: number): Sum => ({ label, amount, currency });
  const parts = [
    sum('Discount', -discount),
    sum('Shipping', shipping),
    sum('Tax', taxAdded),
    sum('Tax (included)', tax - taxAdded),
  ];
  return [...parts.filter(({ amount }) => amount !== 0), sum('Total', amount_total)];
}

/** A part of Stripe's `total_details`, which is kept as Stripe sent it. */
function detail(totalDetails: unknown, name: string): number {
  const amount = (totalDetails as Record<string, unknown> | null)?.[name];
  return typeof amount === 'number' ? amount : 0;
}
