import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BadRequest } from '../../src/errors.ts';
import { requestOf, requestOfSession } from '../../src/orders/handlers.ts';
import { type CheckoutSession, checkoutSessionShape } from '../../src/stripe/checkout-session.ts';
import { verifyEvent } from '../../src/stripe/signature.ts';
import { checkoutSession, events, SECRET, signatureOf, stripeEvent } from '../support/stripe-events.ts';

/** As the service reads it: the bytes, verified. */
function request(event: unknown, livemode = false) {
  const payload = JSON.stringify(event);
  const { event: read } = verifyEvent(Buffer.from(payload), signatureOf(payload), [SECRET]);
  return requestOf(read, livemode);
}

const completed = (overrides: Record<string, unknown>) =>
  stripeEvent('checkout.session.completed', checkoutSession(overrides));

describe('what an event asks', () => {
  const session = checkoutSession();

  test.each([
    ['completed and paid', events.completedPaid(session), 'paid'],
    ['completed and free', events.completedFree(session), 'paid'],
    ['completed, payment to come', events.completedUnpaid(session), 'awaiting_payment'],
    ['delayed payment succeeded', events.asyncSucceeded(session), 'paid'],
    ['delayed payment failed', events.asyncFailed(session), 'failed'],
  ])('%s', (_case, event, wanted) => {
    expect(request(event)?.wanted).toBe(wanted);
  });

  test.each([
    ['an expired session', stripeEvent('checkout.session.expired', session)],
    ['another object', stripeEvent('charge.refunded', { id: 'ch_1', object: 'charge' })],
    ['a type that objects inherit', stripeEvent('constructor', session)],
    [
      'a handled type about another object',
      stripeEvent('checkout.session.completed', { id: 'x', object: 'charge' }),
    ],
    [
      'a session that only sets up a payment method',
      completed({ mode: 'setup', payment_status: 'no_payment_required' }),
    ],
    [
      'a live event at a test service',
      stripeEvent('checkout.session.completed', session, { livemode: true }),
    ],
  ])('%s is not ours', (_case, event) => {
    expect(request(event)).toBeNull();
  });

  test.each([undefined, null])('a session that leaves its mode out (%p) is a payment', (mode) => {
    expect(request(completed({ mode }))?.session.mode).toBe('payment');
  });

  test('an object that leaves out what it is, is what the type says', () => {
    const lean = { ...session, object: undefined };
    expect(request(events.completedPaid(lean))?.wanted).toBe('paid');
    expect(request(stripeEvent('charge.refunded', lean))).toBeNull();
  });

  test('a session that leaves livemode out is of its event', () => {
    expect(request(completed({ livemode: undefined }))?.session.livemode).toBe(false);
  });

  test('a test event at a live service is not ours', () => {
    expect(request(events.completedPaid(session), true)).toBeNull();
  });
});

describe("what the API's word on a session asks", () => {
  /** As the service reads it from Stripe's answer. */
  const retrieved = (overrides: Record<string, unknown>): CheckoutSession =>
    checkoutSessionShape.parse(checkoutSession(overrides));

  test.each([
    ['complete and paid', { status: 'complete' }, 'paid'],
    ['complete and free', { status: 'complete', payment_status: 'no_payment_required' }, 'paid'],
    ['complete, payment to come', { status: 'complete', payment_status: 'unpaid' }, 'awaiting_payment'],
    ['of a version that had no status yet', { status: undefined }, 'paid'],
    ['that leaves out what it is', { object: undefined }, 'paid'],
  ])('%s', (_case, overrides, wanted) => {
    const session = retrieved(overrides);
    expect(requestOfSession(session, false)).toEqual({
      wanted,
      session: expect.objectContaining({
        checkout_session_id: session.id,
        account: null,
        amount_total: 6498,
      }),
    });
  });

  test.each([
    ['open', { status: 'open', payment_status: 'no_payment_required' }],
    ['expired', { status: 'expired', payment_status: 'unpaid' }],
    ['that only sets up a payment method', { mode: 'setup', payment_status: 'no_payment_required' }],
    ['of the other mode', { livemode: true }],
  ])('a session %s makes no order', (_case, overrides) => {
    expect(requestOfSession(retrieved(overrides), false)).toBeNull();
  });

  test.each([false, true])('a session that leaves livemode out is of the key (live: %p)', (live) => {
    const session = retrieved({ livemode: undefined });
    expect(requestOfSession(session, live)?.session.livemode).toBe(live);
  });

  test('a test session at a live service makes no order', () => {
    expect(requestOfSession(retrieved({}), true)).toBeNull();
    expect(requestOfSession(retrieved({ livemode: true }), true)?.wanted).toBe('paid');
  });
});

describe('what an order takes over from its session', () => {
  test('every column, of a usual payment', () => {
    const session = checkoutSession();
    expect(request(events.completedPaid(session))?.session).toEqual({
      checkout_session_id: session.id,
      account: null,
      payment_status: 'paid',
      mode: 'payment',
      livemode: false,
      currency: 'usd',
      amount_subtotal: 5998,
      amount_total: 6498,
      customer_id: 'cus_Q1a2b3c4d5e6f7',
      customer_email: 'jenny@example.com',
      customer_name: 'Jenny Rosen',
      client_reference_id: 'cart-2041',
      payment_intent_id: 'pi_3Q1a2b3c4d5e6f7g',
      payment_link_id: null,
      shipping_details: {
        address: {
          city: 'Exampletown',
          country: 'US',
          line1: '1 Main St',
          line2: null,
          postal_code: '94110',
          state: 'CA',
        },
        name: 'Jenny Rosen',
      },
      custom_fields: [
        {
          key: 'engraving',
          label: { custom: 'Engraving', type: 'custom' },
          optional: true,
          text: { value: 'For J.' },
          type: 'text',
        },
      ],
      total_details: { amount_discount: 0, amount_shipping: 500, amount_tax: 0 },
      metadata: { cart: '2041' },
      customer_phone: null,
      subscription_id: null,
      shipping_cost: { amount_subtotal: 500, amount_tax: 0, amount_total: 500, shipping_rate: 'shr_1Q1a2b' },
      presentment_details: null,
    });
  });

  test.each([
    [
      'a subscription',
      { mode: 'subscription', payment_intent: null, subscription: 'sub_1' },
      { mode: 'subscription', payment_intent_id: null, subscription_id: 'sub_1' },
    ],
    [
      'a phone number',
      { customer_details: { email: 'jenny@example.com', name: null, phone: '+15551234567' } },
      { customer_phone: '+15551234567' },
    ],
    [
      'a sum that was charged in another currency',
      { presentment_details: { presentment_amount: 5123, presentment_currency: 'eur' } },
      { amount_total: 6498, presentment_details: { presentment_amount: 5123, presentment_currency: 'eur' } },
    ],
    ['a payment link', { payment_link: 'plink_1' }, { payment_link_id: 'plink_1' }],
    ['a guest', { customer: null }, { customer_id: null, customer_email: 'jenny@example.com' }],
    [
      'only the address that the shop filled in',
      { customer_details: null, customer_email: 'pre@example.com' },
      { customer_email: 'pre@example.com', customer_name: null },
    ],
    [
      'expanded references',
      { customer: { id: 'cus_9', object: 'customer' }, payment_intent: { id: 'pi_9' } },
      { customer_id: 'cus_9', payment_intent_id: 'pi_9' },
    ],
    [
      'an id that the shop gave a customer, in letters of its own',
      { customer: 'kunde-Müller\0' },
      { customer_id: 'kunde-Müller\uFFFD' },
    ],
    [
      'the largest amount that JSON carries',
      { amount_total: Number.MAX_SAFE_INTEGER },
      { amount_total: Number.MAX_SAFE_INTEGER },
    ],
    [
      'a currency without minor units',
      { currency: 'jpy', amount_total: 500 },
      { currency: 'jpy', amount_total: 500 },
    ],
    [
      'the address where versions before 2025-03-31 kept it',
      { collected_information: undefined, shipping_details: { name: 'A' } },
      { shipping_details: { name: 'A' } },
    ],
    [
      'the address where the oldest versions kept it',
      { collected_information: undefined, shipping: { name: 'B' } },
      { shipping_details: { name: 'B' } },
    ],
    [
      'text that PostgreSQL has no room for',
      { metadata: { note: 'a\0b' }, client_reference_id: 'x\ud800y' },
      { metadata: { note: 'a\uFFFDb' }, client_reference_id: 'x\uFFFDy' },
    ],
  ])('%s', (_case, overrides, expected) => {
    expect(request(completed(overrides))?.session).toMatchObject(expected);
  });

  test('the connected account that sent it', () => {
    const event = { ...events.completedPaid(checkoutSession()), account: 'acct_7' };
    expect(request(event)?.session.account).toBe('acct_7');
  });
});

describe('a session that can not be read is refused, by field and without its values', () => {
  test.each([
    ['amount_total', '4999'],
    ['amount_total', 49.5],
    ['amount_total', 2 ** 60],
    ['payment_status', 'perhaps'],
    ['payment_status', undefined],
    ['mode', 7],
    ['mode', 'päyment'],
    ['payment_intent', 'pi_\ud800'],
    ['customer_details', 'jenny@example.com'],
    ['id', undefined],
  ])('%s: %p', (field, value) => {
    const ask = () => request(completed({ [field]: value }));
    expect(ask).toThrow(expect.objectContaining({ name: 'BadRequest', code: 'session_unreadable' }));
    expect(ask).toThrow(new RegExp(`checkout session can't be read: ${field}: `));
    expect(ask).not.toThrow(/jenny|4999|perhaps/);
  });

  test('whatever stands in a session, it is read, refused or not ours', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(checkoutSession())), fc.jsonValue(), (field, value) => {
        try {
          request(completed({ [field]: value }));
        } catch (error) {
          expect(error).toBeInstanceOf(BadRequest);
        }
      }),
    );
  });
});
