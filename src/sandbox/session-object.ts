import Stripe from 'stripe';
import { newId } from './ids.ts';
import type { SessionParams } from './session-params.ts';

export type Session = Stripe.Checkout.Session;

/** What else a checkout page offers beside cards: a method whose money comes days later, or does not. */
const delayedMethods: Readonly<Record<string, string>> = {
  aud: 'au_becs_debit',
  cad: 'acss_debit',
  eur: 'sepa_debit',
  gbp: 'bacs_debit',
  jpy: 'konbini',
  usd: 'us_bank_account',
};

const DAY = 24 * 60 * 60;

/** Stripe counts time in whole seconds. */
export function unixTime(): number {
  return Math.floor(Date.now() / 1_000);
}

export function newLineItem({
  price_data,
  quantity,
  adjustable_quantity,
  metadata,
}: SessionParams['line_items'][number]): Stripe.LineItem {
  const { currency, unit_amount, product_data } = price_data;
  const amount = unit_amount * quantity;
  return {
    id: newId('li_1', 23),
    object: 'item',
    adjustable_quantity: adjustable_quantity ?? null,
    amount_discount: 0,
    amount_subtotal: amount,
    amount_tax: 0,
    amount_total: amount,
    currency,
    description: product_data.name,
    metadata,
    price: {
      id: newId('price_1', 23),
      object: 'price',
      active: false,
      billing_scheme: 'per_unit',
      created: unixTime(),
      currency,
      custom_unit_amount: null,
      livemode: false,
      lookup_key: null,
      metadata: {},
      nickname: null,
      product: newId('prod_', 14),
      recurring: null,
      tax_behavior: 'unspecified',
      tiers_mode: null,
      transform_quantity: null,
      type: 'one_time',
      unit_amount,
      unit_amount_decimal: Stripe.Decimal.from(unit_amount),
    },
    quantity,
  };
}

/** A way to ship, with the name that customers read. */
export interface ShippingRate {
  readonly id: string;
  readonly name: string;
  readonly amount: number;
}

export function newShippingRate({
  shipping_rate_data: { display_name, fixed_amount },
}: SessionParams['shipping_options'][number]): ShippingRate {
  return { id: newId('shr_1', 23), name: display_name, amount: fixed_amount.amount };
}

/** A session with what the API hands out apart from it. */
export interface StoredSession {
  readonly session: Session;
  readonly lineItems: readonly Stripe.LineItem[];
  readonly shippingRates: readonly ShippingRate[];
}

/** An open session, with every field that API version 2026-10-28.endive gives it. */
export function newSession(
  params: SessionParams,
  lineItems: readonly Stripe.LineItem[],
  shippingRates: readonly ShippingRate[],
): Session {
  const created = unixTime();
  const currency = lineItems[0]?.currency ?? null;
  const amount = lineItems.reduce((sum, item) => sum + item.amount_total, 0);
  const delayed = delayedMethods[currency ?? ''];
  return {
    id: newId('cs_test_a1', 56),
    object: 'checkout.session',
    adaptive_pricing: { enabled: false },
    after_expiration: null,
    allow_promotion_codes: params.allow_promotion_codes ?? null,
    allowed_payment_method_types: null,
    amount_subtotal: amount,
    amount_total: amount,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    billing_address_collection: null,
    cancel_url: params.cancel_url ?? null,
    client_reference_id: params.client_reference_id ?? null,
    client_secret: null,
    collected_information: null,
    consent: null,
    consent_collection: null,
    created,
    currency,
    currency_conversion: null,
    custom_fields: [],
    custom_text: {
      after_submit: null,
      shipping_address: null,
      submit: null,
      terms_of_service_acceptance: null,
    },
    customer: null,
    customer_account: null,
    customer_creation: 'if_required',
    customer_details: null,
    customer_email: params.customer_email ?? null,
    discounts: [],
    expires_at: created + DAY,
    integration_identifier: null,
    invoice: null,
    invoice_creation: {
      enabled: false,
      invoice_data: {
        account_tax_ids: null,
        custom_fields: null,
        description: null,
        footer: null,
        issuer: null,
        metadata: {},
        rendering_options: null,
      },
    },
    livemode: false,
    locale: null,
    managed_payments: { enabled: false },
    metadata: params.metadata,
    mode: params.mode,
    origin_context: null,
    payment_intent: null,
    payment_link: null,
    payment_method_collection: 'if_required',
    payment_method_configuration_details: null,
    payment_method_options: { card: { request_three_d_secure: 'automatic' } },
    payment_method_types: delayed ? ['card', delayed] : ['card'],
    payment_status: 'unpaid',
    permissions: null,
    phone_number_collection: { enabled: false },
    recovered_from: null,
    saved_payment_method_options: null,
    setup_intent: null,
    shipping_address_collection: params.shipping_address_collection ?? null,
    shipping_cost: null,
    shipping_options: shippingRates.map(({ id, amount }) => ({ shipping_amount: amount, shipping_rate: id })),
    status: 'open',
    submit_type: null,
    subscription: null,
    success_url: params.success_url,
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
    ui_mode: 'hosted_page',
    url: null,
    wallet_options: null,
  };
}
