import { describe, expect, test } from '@jest/globals';
import { faultsOf, isAtRest, type SessionOutcome } from '../../src/sandbox/outcomes.ts';

const work = { attempts: 1, last_error: null };
const paid: SessionOutcome = {
  checkout_session_id: 'cs_test_1',
  order_id: 1,
  status: 'paid',
  payment_status: 'paid',
  customer_name: 'Jenny Rosen',
  line_items: 3,
  fulfillments: [{ ...work, status: 'fulfilled' }],
  mails: [{ ...work, kind: 'order_paid', status: 'sent' }],
};
const failed: SessionOutcome = {
  ...paid,
  status: 'failed',
  payment_status: 'unpaid',
  line_items: 0,
  fulfillments: [],
  mails: [{ ...work, kind: 'payment_failed', status: 'sent' }],
};
const pending = { ...work, status: 'pending', last_error: 'the receiver is away' };

describe('an order is at rest', () => {
  test.each<[string, boolean, SessionOutcome]>([
    ['when it is paid, fulfilled and told', true, paid],
    ['when it failed and that was told', true, failed],
    ['when its work is dead', true, { ...paid, fulfillments: [{ ...work, status: 'dead' }] }],
    [
      'but not while it awaits payment',
      false,
      { ...paid, status: 'awaiting_payment', fulfillments: [], mails: [] },
    ],
    ['but not while its fulfillment is pending', false, { ...paid, fulfillments: [pending] }],
    ['but not while its mail is pending', false, { ...paid, mails: [{ ...pending, kind: 'order_paid' }] }],
  ])('%s', (_when, expected, outcome) => {
    expect(isAtRest(outcome)).toBe(expected);
  });
});

describe('what was promised', () => {
  const promised = { status: 'paid', lineItems: 3 } as const;

  test('was kept', () => {
    expect(faultsOf(promised, paid)).toEqual([]);
    expect(faultsOf({ status: 'failed', lineItems: 3 }, failed)).toEqual([]);
  });

  test.each<[string, SessionOutcome | undefined]>([
    ['there is no order', undefined],
    ['the order is failed, not paid', failed],
    ['it has 2 line items, not 3', { ...paid, line_items: 2 }],
    ['fulfillment: pending (the receiver is away), not fulfilled', { ...paid, fulfillments: [pending] }],
    [
      'fulfillment: fulfilled and fulfilled, not fulfilled',
      { ...paid, fulfillments: [...paid.fulfillments, ...paid.fulfillments] },
    ],
    ['mail: none, not order_paid sent', { ...paid, mails: [] }],
    [
      'mail: payment_failed sent and order_paid sent, not order_paid sent',
      { ...paid, mails: [...failed.mails, ...paid.mails] },
    ],
  ])('was not: %s', (fault, outcome) => {
    expect(faultsOf(promised, outcome)).toContainEqual(expect.stringContaining(fault));
  });

  test('a failed payment must fulfil nothing', () => {
    const wrong = { ...failed, fulfillments: paid.fulfillments };
    expect(faultsOf({ status: 'failed', lineItems: 3 }, wrong)).toEqual(['fulfillment: fulfilled, not none']);
  });
});
