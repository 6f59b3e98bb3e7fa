import { describe, expect, test } from '@jest/globals';
import { SANDBOX_WEBHOOK_SECRET } from '../../src/config.ts';
import { requestOf } from '../../src/orders/handlers.ts';
import { cartOf, checkoutOf } from '../../src/sandbox/carts.ts';
import { type SessionEventType, sessionEvent, signedRequest } from '../../src/sandbox/events.ts';
import type { Session } from '../../src/sandbox/session-object.ts';
import { sessionParams } from '../../src/sandbox/session-params.ts';
import { openSessions } from '../../src/sandbox/sessions.ts';
import { verifyEvent } from '../../src/stripe/signature.ts';
import { scratchDir } from '../support/scratch-dir.ts';

const secret = SANDBOX_WEBHOOK_SECRET;
const cart = cartOf(2);
const sessions = await openSessions(await scratchDir());

async function newSessionId(): Promise<string> {
  const { session } = await sessions.create(sessionParams.parse(checkoutOf(cart, 2)));
  return session.id;
}

function received(type: SessionEventType, session: Session) {
  const { body, headers } = signedRequest(sessionEvent(type, session), secret);
  return verifyEvent(Buffer.from(body), headers['stripe-signature'], [secret]).event;
}

describe('an event', () => {
  test('is one that the service verifies and understands', async () => {
    const session = await sessions.payNow(await newSessionId(), cart.buyer);
    const request = requestOf(received('checkout.session.completed', session), false);
    expect(request).toEqual({
      wanted: 'paid',
      session: {
        checkout_session_id: session.id,
        account: null,
        payment_status: 'paid',
        mode: 'payment',
        livemode: false,
        currency: 'jpy',
        amount_subtotal: session.amount_total,
        amount_total: session.amount_total,
        customer_id: null,
        customer_email: 'hanako.sato@example.com',
        customer_name: '佐藤 花子',
        client_reference_id: 'cart_1003',
        payment_intent_id: session.payment_intent,
        payment_link_id: null,
        shipping_details: { name: '佐藤 花子', address: cart.buyer.address },
        custom_fields: [],
        total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
        metadata: { channel: 'simulate' },
        customer_phone: null,
        subscription_id: null,
        shipping_cost: null,
        presentment_details: null,
      },
    });
  });

  test.each<[SessionEventType, 'awaiting_payment' | 'paid' | 'failed']>([
    ['checkout.session.completed', 'awaiting_payment'],
    ['checkout.session.async_payment_succeeded', 'paid'],
    ['checkout.session.async_payment_failed', 'failed'],
  ])('%s of a session that is to be paid later asks for %s', async (type, wanted) => {
    const session = await sessions.payLater(await newSessionId(), cart.buyer);
    expect(requestOf(received(type, session), false)?.wanted).toBe(wanted);
  });

  test("is about as large as Stripe's, and has its version and an id of its own", async () => {
    const session = await sessions.payNow(await newSessionId(), cart.buyer);
    const event = sessionEvent('checkout.session.completed', session);
    expect(signedRequest(event, secret).body.length).toBeGreaterThan(3_000);
    expect(signedRequest(event, secret).body.length).toBeLessThan(5_000);
    expect(event).toMatchObject({ object: 'event', api_version: '2026-10-28.endive', livemode: false });
    expect(sessionEvent('checkout.session.completed', session).id).not.toBe(event.id);
  });

  test('is nothing worth without the secret', async () => {
    const session = await sessions.payNow(await newSessionId(), cart.buyer);
    const { body, headers } = signedRequest(
      sessionEvent('checkout.session.completed', session),
      'whsec_other',
    );
    expect(() => verifyEvent(Buffer.from(body), headers['stripe-signature'], [secret])).toThrow(
      'No configured secret made this signature',
    );
  });
});
