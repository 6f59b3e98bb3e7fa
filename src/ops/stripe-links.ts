import type { Order } from '../orders/order.ts';

type Owner = Pick<Order, 'livemode' | 'account'>;

/** Where an order's payment, or an event, stands in Stripe's Dashboard. */
export interface Dashboard {
  /** An order that begins a subscription has no payment of its own. */
  payment(of: Owner & Pick<Order, 'payment_intent_id' | 'subscription_id'>): string | null;
  event(of: Owner & { readonly id: string }): string | null;
}

/** The sandbox's stand-in has no Dashboard. */
export function dashboard(sandbox: boolean): Dashboard {
  const link = (what: string, { livemode, account }: Owner) =>
    sandbox
      ? null
      : ['https://dashboard.stripe.com', account, livemode ? null : 'test', what].filter(Boolean).join('/');
  return {
    payment: ({ payment_intent_id, subscription_id, ...of }) =>
      payment_intent_id !== null
        ? link(`payments/${encodeURIComponent(payment_intent_id)}`, of)
        : subscription_id && link(`subscriptions/${encodeURIComponent(subscription_id)}`, of),
    event: ({ id, ...of }) => link(`events/${encodeURIComponent(id)}`, of),
  };
}
