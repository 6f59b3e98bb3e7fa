import { expect, test } from '@jest/globals';
import { fulfillmentWork } from '../../src/fulfillment/fulfill.ts';
import type { PaidOrder } from '../../src/fulfillment/fulfiller.ts';
import { createStripe } from '../../src/stripe/client.ts';
import { createTestDatabase } from '../support/database.ts';
import { lineItem, startStripeApi } from '../support/stripe-api.ts';
import { checkoutSession } from '../support/stripe-events.ts';

const { db } = await createTestDatabase();
const stripe = await startStripeApi();
const never = new AbortController().signal;

/** Paid orders whose sessions Stripe knows, with so many line items each. */
async function owe(count: number, items: number) {
  const sessions = Array.from({ length: count }, () => checkoutSession());
  for (const session of sessions) {
    stripe.keep(
      session,
      Array.from({ length: items }, (_, n) => lineItem(n)),
    );
  }
  const paid = { status: 'paid', payment_status: 'paid', mode: 'payment', livemode: false };
  const orders = await db('orders')
    .insert(sessions.map(({ id }) => ({ ...paid, checkout_session_id: id, paid_at: db.fn.now() })))
    .returning('id');
  return db('fulfillments')
    .insert(orders.map(({ id }) => ({ order_id: id })))
    .returning('*');
}

test('orders stored side by side: one that the database refuses hurts only itself, and has neither items nor a receipt', async () => {
  const rows = await owe(6, 3);
  const poison = rows[3].order_id;
  await db.raw(`
    create function refuse_poison() returns trigger language plpgsql as $$ begin raise 'poison'; end $$;
    create trigger refuse_poison before insert on order_line_items for each row
      when (new.order_id = ${poison} and new.position = 2) execute function refuse_poison();
  `);
  const told: PaidOrder[] = [];
  const work = fulfillmentWork({
    db,
    stripe: createStripe('sk_test_123', stripe.url),
    fulfil: async (paid) => void told.push(paid),
    onReceiptOwed: () => {},
  });
  const subjects = await work.load(rows);
  const results = await Promise.allSettled(subjects.map((subject) => work.perform(subject, never)));

  expect(results.map(({ status }) => status === 'rejected')).toEqual(
    rows.map(({ order_id }) => order_id === poison),
  );
  const healthy = rows.map(({ order_id }) => order_id).filter((id) => id !== poison);
  const withItems = healthy.map((id) => [id, 3]);
  expect(told.map(({ order, lineItems }) => [order.id, lineItems.length]).sort()).toEqual(
    withItems.toSorted(),
  );
  const { rows: stored } = await db.raw(
    'select order_id as id, count(*) as items from order_line_items group by order_id order by order_id',
  );
  expect(stored.map(({ id, items }: { id: number; items: number }) => [id, items])).toEqual(withItems);
  const receipts = await db('notifications').select('order_id', 'kind').orderBy('order_id');
  expect(receipts).toEqual(healthy.map((id) => ({ order_id: id, kind: 'order_paid' })));
});

test('what is stored already is read back as it was first told, and Stripe is not asked again', async () => {
  const rows = await owe(3, 2);
  const told: PaidOrder[] = [];
  const work = fulfillmentWork({
    db,
    stripe: createStripe('sk_test_123', stripe.url),
    fulfil: async (paid) => void told.push(paid),
    onReceiptOwed: () => {},
  });
  const attempt = async () => {
    told.length = 0;
    for (const subject of await work.load(rows)) await work.perform(subject, never);
    return JSON.stringify(told);
  };
  const first = await attempt();
  stripe.requests.length = 0;
  expect(await attempt()).toBe(first);
  expect(stripe.requests).toEqual([]);
});
