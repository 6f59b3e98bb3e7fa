import type { CheckoutSession } from '../stripe/checkout-session.ts';
import type { OrderStatus } from './status.ts';

/** What an order takes over from its checkout session. Amounts are minor units of `currency`. */
export interface SessionFields {
  readonly checkout_session_id: string;
  /** The connected account that the session belongs to (Stripe Connect); null for the shop's own. */
  readonly account: string | null;
  readonly payment_status: CheckoutSession['payment_status'];
  readonly mode: string;
  readonly livemode: boolean;
  readonly currency: string | null;
  readonly amount_subtotal: number | null;
  readonly amount_total: number | null;
  readonly customer_id: string | null;
  readonly customer_email: string | null;
  readonly customer_name: string | null;
  readonly client_reference_id: string | null;
  readonly payment_intent_id: string | null;
  readonly payment_link_id: string | null;
  readonly shipping_details: unknown;
  readonly custom_fields: unknown;
  readonly total_details: unknown;
  readonly metadata: unknown;
  readonly customer_phone: string | null;
  readonly subscription_id: string | null;
  /** With the shipping rate that was chosen. */
  readonly shipping_cost: unknown;
  /** What the customer was charged, where Adaptive Pricing made it another currency. */
  readonly presentment_details: unknown;
}

/** A row of `orders`. */
export interface Order extends SessionFields {
  readonly id: number;
  readonly status: OrderStatus;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly paid_at: Date | null;
  readonly failed_at: Date | null;
}

/** A row of `order_line_items`, without its order's id. Amounts are minor units of `currency`. */
export interface LineItem {
  readonly stripe_line_item_id: string;
  readonly position: number;
  readonly price_id: string | null;
  readonly product_id: string | null;
  readonly description: string | null;
  readonly quantity: number | null;
  readonly unit_amount: number | null;
  readonly amount_subtotal: number;
  readonly amount_discount: number;
  readonly amount_tax: number;
  readonly amount_total: number;
  readonly currency: string;
  readonly metadata: unknown;
}
