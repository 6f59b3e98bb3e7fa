import { describe, expect, test } from '@jest/globals';
import { ageOf } from '../../src/age.ts';
import type { Happening } from '../../src/ops/timeline.ts';
import { amountOf, distanceOf, stateOf, tell } from '../../src/ops/words.ts';

test.each([
  [0, '0 s'],
  [119, '119 s'],
  [120, '2 min'],
  [7_199, '119 min'],
  [7_200, '2 h'],
  [172_799, '47 h'],
  [172_800, '2 d'],
  [31_536_000, '365 d'],
])('%i seconds are %s', (seconds, words) => {
  expect(ageOf(seconds)).toBe(words);
});

test('a moment is said from now on, or back', () => {
  const now = new Date('2026-11-25T10:00:00Z');
  expect(distanceOf(new Date('2026-11-25T09:00:00Z'), now)).toBe('60 min ago');
  expect(distanceOf(now, now)).toBe('0 s ago');
  expect(distanceOf(new Date('2026-11-25T10:05:00Z'), now)).toBe('in 5 min');
});

test.each([
  [6498, 'usd', '$64.98'],
  [500, 'jpy', '¥500'],
  [500, 'points', '5.00 points'],
  [null, 'usd', '–'],
  [500, null, '–'],
])('%p of %p is %s', (minor, currency, words) => {
  expect(amountOf(minor, currency)).toBe(words);
});

test.each([
  ['awaiting_payment', null, null, 'awaiting payment'],
  ['failed', null, null, 'failed'],
  ['paid', 'pending', 0, 'paid, owed'],
  ['paid', 'pending', 3, 'paid, tried 3x'],
  ['paid', 'dead', 12, 'paid, dead'],
  ['paid', 'fulfilled', 1, 'fulfilled'],
] as const)(
  'an order that is %s and %s (%p attempts) is: %s',
  (status, fulfillment_status, attempts, words) => {
    expect(stateOf({ status, fulfillment_status, attempts })).toBe(words);
  },
);

describe('an entry of the time line in plain words', () => {
  const event = {
    kind: 'event',
    event_id: 'evt_1',
    type: 'checkout.session.completed',
    replayable: true,
  } as const;
  const transition = { kind: 'transition', event_id: null, to: 'paid' } as const;
  const told: [Happening, string][] = [
    [{ ...event, outcome: 'applied' }, 'Stripe sent checkout.session.completed (evt_1): it was applied.'],
    [
      { ...event, outcome: 'stale' },
      'Stripe sent checkout.session.completed (evt_1): there was nothing to do any more.',
    ],
    [{ ...event, outcome: 'ignored' }, 'Stripe sent checkout.session.completed (evt_1): it was ignored.'],
    [
      { ...event, outcome: 'conflict' },
      'Stripe sent checkout.session.completed (evt_1): it says that the payment of a paid order failed, so look at it in Stripe.',
    ],
    [{ ...transition, from: null, source: 'webhook' }, 'The order began as paid.'],
    [
      { ...transition, from: null, source: 'landing_page' },
      'The order began as paid, as the success page asked.',
    ],
    [
      { ...transition, from: 'failed', source: 'reconcile' },
      'The order moved from failed to paid, as Stripe was compared with.',
    ],
    [{ kind: 'items_stored', count: 2 }, 'Its line items were fetched from Stripe: 2.'],
    [{ kind: 'owed', work: 'order_paid' }, 'From here on the receipt to the customer is owed.'],
    [
      {
        kind: 'attempt_failed',
        work: 'fulfillment',
        attempt: 2,
        error: 'the receiver answered 500',
        dead: false,
      },
      'Attempt 2 at the fulfilment failed: the receiver answered 500',
    ],
    [
      { kind: 'attempt_failed', work: 'payment_failed', attempt: 12, error: 'no such mailbox', dead: true },
      'Attempt 12 at the mail about the failed payment failed: no such mailbox (dead: no further attempt without a person)',
    ],
    [{ kind: 'done', work: 'fulfillment', attempt: 3 }, 'The fulfilment was done, at attempt 3.'],
    [{ kind: 'done', work: 'order_paid', attempt: 1 }, 'The receipt to the customer was sent, at attempt 1.'],
    [
      { kind: 'under_way', work: 'fulfillment', attempt: 2 },
      'Attempt 2 at the fulfilment is under way; should it be cut off, the next one is due then.',
    ],
    [{ kind: 'due', work: 'fulfillment', attempt: 3 }, 'Attempt 3 at the fulfilment is due.'],
    [
      { kind: 'action', actor: 'cli:jo', action: 'retry', subject: '42', details: { fulfillments: 1 } },
      'cli:jo asked for another attempt.',
    ],
    [
      {
        kind: 'action',
        actor: 'ops:Jo',
        action: 'close',
        subject: '42',
        details: { because: 'refunded in Stripe', fulfillments: 1, notifications: 0 },
      },
      'ops:Jo closed the order: refunded in Stripe',
    ],
    [
      { kind: 'action', actor: 'ops', action: 'replay', subject: 'evt_1', details: { outcome: 'stale' } },
      'ops replayed evt_1: there was nothing to do any more.',
    ],
    [
      { kind: 'action', actor: 'cli:jo', action: 'erase', subject: '42', details: { orders: 2 } },
      'cli:jo erased the customer from it.',
    ],
    [
      { kind: 'action', actor: 'jo', action: 'refunded in Stripe', subject: '42', details: {} },
      'jo: refunded in Stripe 42',
    ],
  ];
  test.each(told)('%j', (happening, words) => {
    expect(tell(happening)).toBe(words);
  });
});
