import type { ServerResponse } from 'node:http';
import { beforeEach, expect, test } from '@jest/globals';
import { fulfillmentWork } from '../../src/fulfillment/fulfill.ts';
import type { PaidOrder } from '../../src/fulfillment/fulfiller.ts';
import type { OrderWithItems } from '../../src/orders/store.ts';
import { createStripe } from '../../src/stripe/client.ts';
import { claim, settleDone } from '../../src/work/queue.ts';
import { createTestDatabase } from '../support/database.ts';
import { answerJson } from '../support/http.ts';
import { oweOrders } from '../support/owed.ts';
import { lineItem, startStripeApi } from '../support/stripe-api.ts';

const { db } = await createTestDatabase();
const stripe = await startStripeApi();
const never = new AbortController().signal;

beforeEach(async () => {
  await db.raw('truncate orders cascade');
  stripe.fault = () => false;
});

/** The work, and the orders that its fulfiller was told of. */
function workOf({ onReceiptOwed = () => {}, onTold = () => {} } = {}) {
  const told: PaidOrder[] = [];
  const work = fulfillmentWork({
    db,
    stripe: createStripe('sk_test_123', stripe.url),
    async fulfil(paid) {
      told.push(paid);
      onTold();
    },
    onReceiptOwed,
  });
  return { work, told };
}

/** The rows of what is owed. */
async function owe(count: number, items: Parameters<typeof stripe.keep>[1], session = {}) {
  await oweOrders(db, stripe, count, items, session);
  return db('fulfillments').orderBy('id');
}

const lineItems = (count: number) => Array.from({ length: count }, (_, n) => lineItem(n));

test('is owed in `fulfillments`, row by row', async () => {
  const [owed] = await owe(1, []);
  const { queue } = workOf().work;
  const claims = await claim(db, queue, { limit: 10, maxAttempts: 12 });
  expect(claims).toMatchObject([{ id: owed.id, order_id: owed.order_id, attempts: 1 }]);
  expect(await settleDone(db, queue, claims)).toEqual([owed.id]);
  expect(await db('fulfillments')).toMatchObject([{ status: 'fulfilled', fulfilled_at: expect.any(Date) }]);
});

test.each([3, 0])(
  'an order that was prepared is told of with all that is in it (%i), and Stripe is not asked again',
  async (count) => {
    const { work, told } = workOf();
    const [subject] = (await work.load(await owe(1, lineItems(count)))) as [OrderWithItems];
    const prepared = (await work.prepare?.(subject, never)) as OrderWithItems;
    const asked = stripe.requests.length;
    await work.perform(prepared, never);
    expect(stripe.requests).toHaveLength(asked);
    expect(told.map(({ lineItems }) => lineItems)).toEqual([prepared.lineItems]);
    expect(await db('order_line_items')).toHaveLength(count);
  },
);

test('the fulfiller is told of the order and all that is in it, under the id of its session', async () => {
  const rows = await owe(1, [
    lineItem(1, { amount_discount: 300, amount_tax: 17, metadata: { engraving: 'For Jo\0' } }),
    lineItem(2, { price: null, quantity: null, description: null }),
    lineItem(3, {
      price: { id: 'price_3', product: { id: 'prod_9', object: 'product' }, unit_amount: null },
    }),
  ]);
  const { work, told } = workOf();
  for (const subject of await work.load(rows)) await work.perform(subject, never);
  const order = await db('orders').first();
  expect(told).toEqual([
    {
      order,
      idempotencyKey: order.checkout_session_id,
      lineItems: [
        {
          stripe_line_item_id: 'li_1',
          position: 0,
          price_id: 'price_1',
          product_id: 'prod_1',
          description: 'Mug No. 1',
          quantity: 2,
          unit_amount: 1999,
          amount_subtotal: 3998,
          amount_discount: 300,
          amount_tax: 17,
          amount_total: 3998,
          currency: 'usd',
          metadata: { engraving: 'For Jo\uFFFD' },
        },
        expect.objectContaining({
          position: 1,
          price_id: null,
          product_id: null,
          description: null,
          quantity: null,
          unit_amount: null,
          metadata: null,
        }),
        expect.objectContaining({
          position: 2,
          price_id: 'price_3',
          product_id: 'prod_9',
          unit_amount: null,
        }),
      ],
    },
  ]);
});

/** Without a currency, as a lean stand-in has it, it is the item's. */
test.each([
  ['eur', 1999],
  ['usd', null],
  [undefined, 1999],
])('a price in %p says for an item in eur that one costs %p', async (currency, unit_amount) => {
  const price = { id: 'price_1', product: 'prod_1', unit_amount: 1999, currency };
  const rows = await owe(1, [lineItem(1, { currency: 'eur', price })]);
  const { work, told } = workOf();
  for (const subject of await work.load(rows)) await work.perform(subject, never);
  expect(told).toMatchObject([{ lineItems: [{ price_id: 'price_1', unit_amount, currency: 'eur' }] }]);
  expect(await db('order_line_items')).toMatchObject([{ price_id: 'price_1', unit_amount, currency: 'eur' }]);
});

test("the shop's own ids of prices and products may be in any letters", async () => {
  const price = (product: unknown) => ({ id: 'Premium – jährlich\0', product, unit_amount: 1999 });
  const rows = await owe(1, [
    lineItem(1, { price: price('Blaue Tasse (groß)') }),
    lineItem(2, { price: price({ id: 'Blaue Tasse (groß)', object: 'product', deleted: true }) }),
  ]);
  const { work, told } = workOf();
  for (const subject of await work.load(rows)) await work.perform(subject, never);
  const ids = { price_id: 'Premium – jährlich\uFFFD', product_id: 'Blaue Tasse (groß)' };
  expect(told).toMatchObject([{ lineItems: [ids, ids] }]);
  expect(await db('order_line_items')).toMatchObject([ids, ids]);
});

const tooMany = (res: ServerResponse) =>
  answerJson(res, 429, { error: { type: 'invalid_request_error', code: 'rate_limit' } });

test('while Stripe is asked too often an attempt waits for its turn', async () => {
  const rows = await owe(1, lineItems(1));
  const { work, told } = workOf();
  const [subject] = await work.load(rows);
  let refused = 0;
  stripe.fault = (_req, res) => {
    if (refused === 2) return false;
    refused += 1;
    tooMany(res);
    return true;
  };
  await work.perform(subject as OrderWithItems, never);
  expect([refused, told.length]).toEqual([2, 1]);
});

test('it is broken off while it waits so', async () => {
  const rows = await owe(1, lineItems(1));
  const { work, told } = workOf();
  const [subject] = await work.load(rows);
  const stopping = new AbortController();
  stripe.fault = (_req, res) => {
    tooMany(res);
    res.once('close', () => setImmediate(() => stopping.abort()));
    return true;
  };
  await expect(work.perform(subject as OrderWithItems, stopping.signal)).rejects.toThrow('aborted');
  expect(told).toEqual([]);
});

test('orders whose items were stored together go on one at a time, and others have their turn in between', async () => {
  const rows = await owe(20, lineItems(1));
  const turns: number[] = [];
  let turn = 0;
  let counting = setImmediate(function count() {
    turn += 1;
    counting = setImmediate(count);
  });
  const { work } = workOf({ onTold: () => turns.push(turn) });
  const subjects = await work.load(rows);
  await Promise.all(subjects.map((subject) => work.perform(subject, never)));
  clearImmediate(counting);
  expect(new Set(turns).size).toBe(20);
});

test('a session that Stripe calls unpaid is not fulfilled: nothing is given away on the word of an event alone', async () => {
  const rows = await owe(1, lineItems(2), { payment_status: 'unpaid' });
  const { work, told } = workOf();
  const [subject] = await work.load(rows);
  await expect(work.perform(subject as OrderWithItems, never)).rejects.toMatchObject({
    name: 'AttemptFailed',
    message: 'Stripe says that the session is unpaid',
    final: false,
  });
  expect([told, await db('order_line_items'), await db('notifications')]).toEqual([[], [], []]);
});

test('a session that needed no payment is fulfilled', async () => {
  const rows = await owe(1, lineItems(1), { payment_status: 'no_payment_required' });
  const { work, told } = workOf();
  const [subject] = await work.load(rows);
  await work.perform(subject as OrderWithItems, never);
  expect(told).toHaveLength(1);
});

test('an attempt that is stopped while it asks Stripe tells the fulfiller nothing', async () => {
  const rows = await owe(1, lineItems(1));
  const { work, told } = workOf();
  const [subject] = await work.load(rows);
  const abort = new AbortController();
  stripe.fault = () => {
    abort.abort();
    return false;
  };
  await expect(work.perform(subject as OrderWithItems, abort.signal)).rejects.toThrow(/abort/);
  expect(told).toEqual([]);
});

test('the mail worker is rung once the receipt is owed, and not when it is owed already', async () => {
  const rows = await owe(1, lineItems(1));
  const owedThen: Promise<unknown[]>[] = [];
  const { work } = workOf({
    onReceiptOwed: () => void owedThen.push(db('notifications').then((all) => all)),
  });
  for (let attempts = 0; attempts < 2; attempts += 1) {
    for (const subject of await work.load(rows)) await work.perform(subject, never);
  }
  expect(await Promise.all(owedThen)).toMatchObject([[{ order_id: rows[0].order_id, kind: 'order_paid' }]]);
});

test('orders that are attempted side by side share statements', async () => {
  const rows = await owe(50, lineItems(1));
  const { work } = workOf();
  const subjects = await work.load(rows);
  await Promise.all(subjects.map((subject) => work.perform(subject, never)));
  const commits = await db('order_line_items').distinct(db.raw('xmin::text'));
  expect(commits.length).toBeLessThan(rows.length);
});

test('orders stored side by side: one that the database refuses hurts only itself, and has neither items nor a receipt', async () => {
  const rows = await owe(6, lineItems(3));
  const poison = rows[3].order_id;
  await db.raw(`
    create function refuse_poison() returns trigger language plpgsql as $$ begin raise 'poison'; end $$;
    create trigger refuse_poison before insert on order_line_items for each row
      when (new.order_id = ${poison} and new.position = 2) execute function refuse_poison();
  `);
  const { work, told } = workOf();
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
  const rows = await owe(3, lineItems(2));
  const { work, told } = workOf();
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
