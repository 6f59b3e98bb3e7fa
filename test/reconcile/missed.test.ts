import { beforeEach, expect, test } from '@jest/globals';
import { openLedger } from '../../src/orders/ledger.ts';
import { missedWebhooks } from '../../src/reconcile/missed.ts';
import { createTestDatabase } from '../support/database.ts';
import { newsOf } from '../support/news.ts';
import { checkoutSession, events } from '../support/stripe-events.ts';

const { db } = await createTestDatabase();
const record = openLedger(db);
beforeEach(() => db.raw('truncate stripe_events, orders cascade'));

/** Reconcile has found the event at Stripe. The order's id. */
async function find(...[event, options]: Parameters<typeof newsOf>): Promise<number | null> {
  const { order_id } = await record({ ...newsOf(event, options), source: 'reconcile' });
  return order_id;
}

test('what came by a webhook is not missed, nor is one more that reconcile finds of it', async () => {
  const session = checkoutSession();
  await record(newsOf(events.completedPaid(session)));
  await find(events.asyncSucceeded(session));
  expect(await missedWebhooks(db)).toBeNull();
});

test('orders that came by the events that reconcile found are told with the latest, each once, for a day', async () => {
  await find(events.completedPaid(checkoutSession()));
  // The same to both, as they have it of one transaction.
  const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1_000);
  await db('order_transitions').update({ occurred_at: yesterday });
  await db('stripe_events').update({ received_at: yesterday });
  expect(await missedWebhooks(db)).toBeNull();
  const session = checkoutSession();
  await find(events.completedUnpaid(session));
  const last = await find(events.completedPaid(checkoutSession()));
  const latest = await find(events.asyncSucceeded(session));
  const { occurred_at: newest_at } = await db('order_transitions').where({ order_id: last }).first();
  expect(await missedWebhooks(db)).toEqual({ count: 2, order_id: latest, newest_at });
});

test('an event that had come and was ignored, as with the key of the other mode, has had its webhook', async () => {
  const event = events.completedPaid(checkoutSession());
  await record(newsOf(event, { livemode: true }));
  expect(await find(event)).not.toBeNull();
  expect(await missedWebhooks(db)).toBeNull();
});

test('an order that its session alone told of, as a capture by hand, has no webhook to miss', async () => {
  await record({ ...newsOf(events.completedPaid(checkoutSession())), source: 'reconcile', signed: null });
  expect(await missedWebhooks(db)).toBeNull();
});
