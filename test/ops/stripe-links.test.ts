import { expect, test } from '@jest/globals';
import { dashboard } from '../../src/ops/stripe-links.ts';

const links = dashboard(false);
const payment = { payment_intent_id: 'pi_1', subscription_id: null, livemode: true, account: null };

test('a payment and an event in the Dashboard, by mode and account', () => {
  expect(links.payment(payment)).toBe('https://dashboard.stripe.com/payments/pi_1');
  expect(links.payment({ ...payment, livemode: false, account: 'acct_1' })).toBe(
    'https://dashboard.stripe.com/acct_1/test/payments/pi_1',
  );
  expect(links.event({ id: 'evt_1', livemode: true, account: null })).toBe(
    'https://dashboard.stripe.com/events/evt_1',
  );
});

test('the subscription of an order that begins one', () => {
  const begun = { ...payment, payment_intent_id: null, subscription_id: 'sub_1' };
  expect(links.payment(begun)).toBe('https://dashboard.stripe.com/subscriptions/sub_1');
});

test('no link for an order without a payment, and none in the sandbox', () => {
  expect(links.payment({ ...payment, payment_intent_id: null })).toBeNull();
  expect(dashboard(true).payment(payment)).toBeNull();
  expect(dashboard(true).event({ id: 'evt_1', livemode: true, account: null })).toBeNull();
});
