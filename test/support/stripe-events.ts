import Stripe from 'stripe';
import { newId } from './new-id.ts';

export const SECRET = 'whsec_test_of_the_endpoint';

type Json = Record<string, unknown>;

const address = {
  city: 'Exampletown',
  country: 'US',
  line1: '1 Main St',
  line2: null,
  postal_code: '94110',
  state: 'CA',
};

/** A Checkout Session as Stripe's API 2026-10-28 describes it: paid by card, unless overridden. */
export function checkoutSession(overrides: Json = {}): Json & { id: string } {
  return {
    id: newId('cs_test'),
    object: 'checkout.session',
    adaptive_pricing: { enabled: false },
    after_expiration: null,
    allow_promotion_codes: true,
    amount_subtotal: 5998,
    amount_total: 6498,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    billing_address_collection: null,
    cancel_url: 'https://shop.example/cart',
    client_reference_id: 'cart-2041',
    client_secret: null,
    collected_information: {
      business_name: null,
      individual_name: null,
      shipping_details: {
        address,
        name: 'Jenny Rosen',
      },
    },
    consent: null,
    created: 1_790_000_000,
    currency: 'usd',
    custom_fields: [
      {
        key: 'engraving',
        label: { custom: 'Engraving', type: 'custom' },
        optional: true,
        text: { value: 'For J.' },
        type: 'text',
      },
    ],
    customer: 'cus_Q1a2b3c4d5e6f7',
    customer_details: {
      address,
      email: 'jenny@example.com',
      name: 'Jenny Rosen',
      phone: null,
      tax_exempt: 'none',
      tax_ids: [],
    },
    customer_email: null,
    discounts: [],
    expires_at: 1_790_086_400,
    invoice: null,
    livemode: false,
    locale: 'auto',
    metadata: { cart: '2041' },
    mode: 'payment',
    payment_intent: 'pi_3Q1a2b3c4d5e6f7g',
    payment_link: null,
    payment_method_types: ['card', 'sepa_debit'],
    payment_status: 'paid',
    shipping_cost: { amount_subtotal: 500, amount_tax: 0, amount_total: 500, shipping_rate: 'shr_1Q1a2b' },
    status: 'complete',
    success_url: 'https://shop.example/thanks?session_id={CHECKOUT_SESSION_ID}',
    total_details: { amount_discount: 0, amount_shipping: 500, amount_tax: 0 },
    ui_mode: 'hosted',
    url: null,
    ...overrides,
  };
}

export type EventJson = Json & { id: string; data: { object: Json } };

/** An event about a session, as Stripe's API 2026-10-28 describes it. */
export function stripeEvent(type: string, object: Json, overrides: Json = {}): EventJson {
  return {
    id: newId('evt'),
    object: 'event',
    api_version: '2026-10-28.endive',
    created: 1_790_000_123,
    data: { object },
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type,
    ...overrides,
  };
}

const unpaid = { payment_status: 'unpaid', payment_method_types: ['sepa_debit'] };

/** The events of the state machine's table, each about the given session. */
export const events = {
  completedPaid: (session: Json) =>
    stripeEvent('checkout.session.completed', { ...session, payment_status: 'paid' }),
  completedFree: (session: Json) =>
    stripeEvent('checkout.session.completed', {
      ...session,
      payment_status: 'no_payment_required',
      payment_intent: null,
      amount_total: 0,
    }),
  completedUnpaid: (session: Json) => stripeEvent('checkout.session.completed', { ...session, ...unpaid }),
  asyncSucceeded: (session: Json) =>
    stripeEvent('checkout.session.async_payment_succeeded', { ...session, payment_status: 'paid' }),
  asyncFailed: (session: Json) =>
    stripeEvent('checkout.session.async_payment_failed', { ...session, ...unpaid }),
} as const;

/** The `Stripe-Signature` header for a body. `timestamp` is in seconds. */
export function signatureOf(
  payload: string,
  { secret = SECRET, timestamp = Math.floor(Date.now() / 1_000) } = {},
): string {
  return Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
}
