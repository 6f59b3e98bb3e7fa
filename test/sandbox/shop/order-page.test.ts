import { expect, test } from '@jest/globals';
import { orderPage } from '../../../src/sandbox/shop/order-page.ts';

function shown(status: string, fulfillment: object | null, down: boolean | null): Promise<string> {
  return shownOf({ order: { id: 1, status }, fulfillment, timeline: [] }, down);
}

async function shownOf(whole: object | null, down: boolean | null): Promise<string> {
  const session = {
    id: 'cs_test_1',
    status: 'complete',
    payment_status: 'paid',
    amount_total: 1_450,
    currency: 'eur',
  };
  const episode = {
    trouble: new Set<never>(),
    deeds: [],
    held: null,
    decided: false,
    turn: Promise.resolve(),
  };
  return String(
    await orderPage({ session: session as never, whole: whole as never, episode, requests: [], down }),
  );
}

test.each([
  ['pending', 3, true, 'is down.</b> The service tries again by itself'],
  ['pending', 3, false, 'is well.</b> The next attempt comes by itself, or now'],
  ['dead', 12, true, 'is down.</b> All attempts have failed'],
  ['dead', 12, false, 'is well.</b> All attempts have failed'],
  ['pending', 3, null, '<b>The order is not fulfilled yet.</b> The next attempt comes by itself, or now'],
])(
  'a fulfilment that is %s after %d attempts, the receiver being down (null: not the sandbox’s): %s',
  async (status, attempts, down, words) => {
    expect(await shown('paid', { status, attempts }, down)).toContain(words);
  },
);

test('of a receiver that is down nothing is said once a person has closed the order', async () => {
  const page = await shown('paid', { status: 'fulfilled', attempts: 12 }, true);
  expect(page).not.toContain('The receiver is');
});

test.each([
  ['paid', 'The request is on its way.'],
  ['awaiting_payment', 'No request yet: only a paid order makes one.'],
])('before there is a request of an order that is %s: %s', async (status, words) => {
  expect(await shown(status, null, false)).toContain(words);
});

test('before the service has heard of the session, the page says so', async () => {
  expect(await shownOf(null, false)).toContain('the service knows of no order yet');
});
