import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type Stripe from 'stripe';
import { cartOf, checkoutOf } from '../../src/sandbox/carts.ts';
import { openEvents, sessionEvent } from '../../src/sandbox/events.ts';
import type { LoopbackServer } from '../../src/sandbox/loopback.ts';
import { sessionParams } from '../../src/sandbox/session-params.ts';
import { openSessions } from '../../src/sandbox/sessions.ts';
import { startStandIn } from '../../src/sandbox/stand-in.ts';
import { retrieveSessionWithItems } from '../../src/stripe/checkout-session.ts';
import { createStripe } from '../../src/stripe/client.ts';
import { silent } from '../support/log.ts';
import { scratchDir } from '../support/scratch-dir.ts';

let dir: string;
let standIn: LoopbackServer;
let stripe: Stripe;

beforeEach(async () => {
  dir = join(await scratchDir(), 'sessions');
  standIn = await startStandIn({ dir, log: silent });
  stripe = createStripe('sk_test_sandbox', standIn.url);
});

afterEach(() => standIn.close());

function checkoutWith(items: number): Stripe.Checkout.SessionCreateParams {
  return {
    mode: 'payment',
    line_items: Array.from({ length: items }, (_, n) => ({
      price_data: { currency: 'EUR', unit_amount: 100 + n, product_data: { name: `Item ${n} & more [new]` } },
      quantity: 2,
      metadata: { sku: `item-${n}` },
    })),
    customer_email: 'jenny+shop@example.com',
    client_reference_id: 'cart 1 ☕',
    metadata: { 'sales channel': 'a=b&c[d]', constructor: 'a word like any other' },
    success_url: 'https://shop.example.com/thanks?session_id={CHECKOUT_SESSION_ID}',
  };
}

const refusal = (expected: object) => expect.objectContaining(expected);

describe('a session', () => {
  test('is created open and unpaid, with what was asked for', async () => {
    const session = await stripe.checkout.sessions.create(checkoutWith(3));
    expect(session).toMatchObject({
      id: expect.stringMatching(/^cs_test_a1[A-Za-z0-9]{56}$/),
      object: 'checkout.session',
      status: 'open',
      payment_status: 'unpaid',
      livemode: false,
      currency: 'eur',
      amount_subtotal: 606,
      amount_total: 606,
      customer_email: 'jenny+shop@example.com',
      customer_details: null,
      client_reference_id: 'cart 1 ☕',
      metadata: { 'sales channel': 'a=b&c[d]', constructor: 'a word like any other' },
      success_url: 'https://shop.example.com/thanks?session_id={CHECKOUT_SESSION_ID}',
      payment_intent: null,
    });
    expect(session).not.toHaveProperty('line_items');
  });

  test('is retrieved as it was created', async () => {
    const created = await stripe.checkout.sessions.create(checkoutWith(3));
    expect(await stripe.checkout.sessions.retrieve(created.id)).toEqual(created);
  });

  test('brings the first ten of its items when they are expanded', async () => {
    const { id } = await stripe.checkout.sessions.create(checkoutWith(11));
    const { line_items } = await stripe.checkout.sessions.retrieve(id, { expand: ['line_items'] });
    expect(line_items).toMatchObject({
      object: 'list',
      has_more: true,
      url: `/v1/checkout/sessions/${id}/line_items`,
    });
    expect(line_items?.data[1]?.metadata).toEqual({ sku: 'item-1' });
    expect(line_items?.data.map((item) => item.description)).toEqual(
      Array.from({ length: 10 }, (_, n) => `Item ${n} & more [new]`),
    );
  });

  test.each([1, 10, 11, 250])('with %d items gives all of them, in order', async (count) => {
    const { id } = await stripe.checkout.sessions.create(checkoutWith(count));
    const { lineItems } = await retrieveSessionWithItems(stripe, id, null);
    expect(lineItems.map((item) => item.price?.unit_amount)).toEqual(
      Array.from({ length: count }, (_, n) => 100 + n),
    );
    expect(new Set(lineItems.map((item) => item.id)).size).toBe(count);
  });

  test('gives its items in pages of ten unless told otherwise', async () => {
    const { id } = await stripe.checkout.sessions.create(checkoutWith(25));
    const pages: number[] = [];
    let page = await stripe.checkout.sessions.listLineItems(id);
    for (pages.push(page.data.length); page.has_more; pages.push(page.data.length)) {
      const last = page.data.at(-1)?.id ?? '';
      page = await stripe.checkout.sessions.listLineItems(id, { starting_after: last });
    }
    expect(pages).toEqual([10, 10, 5]);
  });

  test('outlives its stand-in: another one over the same directory knows it, and what happened since', async () => {
    const { id } = await stripe.checkout.sessions.create(checkoutWith(30));
    const { buyer } = cartOf(0);
    await (await openSessions(dir)).payNow(id, buyer);

    const other = await startStandIn({ dir, log: silent });
    const another = createStripe('sk_test_x', other.url);
    const session = await another.checkout.sessions.retrieve(id);
    const { lineItems } = await retrieveSessionWithItems(another, id, null);
    await other.close();

    expect(session).toMatchObject({
      payment_status: 'paid',
      customer_details: { email: buyer.email, name: buyer.name },
    });
    expect(lineItems).toHaveLength(30);
    expect(await readdir(dir)).toEqual([`${id}.json`]);
  });
});

test('one that stays is there again after it has ended, and elsewhere as long as another has its place', async () => {
  const start = () => startStandIn({ dir, staysThere: true, log: silent });
  const first = await start();
  const beside = await start();
  expect(beside.url).not.toBe(first.url);
  for (const ended of [first, beside]) await ended.close();
  const again = await start();
  await again.close();
  expect(again.url).toBe(first.url);
});

describe('what happens to a session', () => {
  const happens = async (play: (id: string) => Promise<unknown>, params = checkoutOf(cartOf(2), 2)) => {
    const { id } = await stripe.checkout.sessions.create(params);
    await play(id);
    return stripe.checkout.sessions.retrieve(id);
  };
  const { buyer } = cartOf(2);
  const payment_intent = expect.stringMatching(/^pi_3/);

  test('paid now', async () => {
    const sessions = await openSessions(dir);
    expect(await happens((id) => sessions.payNow(id, buyer))).toMatchObject({
      status: 'complete',
      payment_status: 'paid',
      payment_intent,
      collected_information: { shipping_details: { name: buyer.name, address: buyer.address } },
    });
  });

  test('nothing to pay', async () => {
    const sessions = await openSessions(dir);
    const params = checkoutWith(1);
    for (const item of params.line_items ?? []) if (item.price_data) item.price_data.unit_amount = 0;
    expect(await happens((id) => sessions.payNow(id, buyer), params)).toMatchObject({
      status: 'complete',
      payment_status: 'no_payment_required',
      payment_intent: null,
      amount_total: 0,
      collected_information: { shipping_details: null },
    });
  });

  test('paid later', async () => {
    const sessions = await openSessions(dir);
    const expected = { status: 'complete', payment_status: 'unpaid', payment_intent };
    expect(await happens((id) => sessions.payLater(id, buyer))).toMatchObject(expected);
    const received = await happens(async (id) => {
      await sessions.payLater(id, buyer);
      await sessions.receivePayment(id);
    });
    expect(received).toMatchObject({ ...expected, payment_status: 'paid' });
  });
});

test('a product may be described: its line item has the name', async () => {
  const params = checkoutWith(1);
  const product = { name: 'Mug', description: 'Blue', images: ['https://shop.example.com/mug.png'] };
  for (const { price_data } of params.line_items ?? [])
    if (price_data) price_data.product_data = { ...product, metadata: { sku: 'MUG-1' } };
  const { id } = await stripe.checkout.sessions.create(params);
  const { data } = await stripe.checkout.sessions.listLineItems(id);
  expect(data).toMatchObject([{ description: 'Mug' }]);
});

test('what a shop asks of the checkout page is understood, and an open session can expire', async () => {
  const session = await stripe.checkout.sessions.create({
    ...checkoutOf(cartOf(2), 2),
    cancel_url: 'https://shop.example.com/cart',
    allow_promotion_codes: true,
    shipping_options: [
      {
        shipping_rate_data: {
          display_name: 'Post',
          type: 'fixed_amount',
          fixed_amount: { amount: 490, currency: 'jpy' },
        },
      },
    ],
  });
  expect(session).toMatchObject({
    cancel_url: 'https://shop.example.com/cart',
    allow_promotion_codes: true,
    shipping_options: [{ shipping_amount: 490, shipping_rate: expect.stringMatching(/^shr_1/) }],
    total_details: { amount_shipping: 490 },
    amount_total: (session.amount_subtotal ?? 0) + 490,
  });
  expect(await stripe.checkout.sessions.expire(session.id)).toMatchObject({ status: 'expired' });
  await expect(stripe.checkout.sessions.expire(session.id)).rejects.toEqual(refusal({ statusCode: 400 }));
});

describe('lists', () => {
  /** What a list has with these filters, page by page until its end, the ids in the order in which they come. */
  async function idsOf<T extends { id: string }>(pages: AsyncIterable<T>): Promise<string[]> {
    const ids: string[] = [];
    for await (const { id } of pages) ids.push(id);
    return ids;
  }

  test('sessions by status and time, in both directions, the newest first', async () => {
    const sessions = await openSessions(dir);
    for (let n = 0; n < 25; n += 1) {
      const { id } = await stripe.checkout.sessions.create(checkoutWith(1));
      if (n % 5 !== 0) await sessions.payNow(id, cartOf(0).buyer);
    }
    const all = await idsOf(stripe.checkout.sessions.list({ limit: 4 }));
    expect(all.toSorted()).toEqual((await readdir(dir)).map((file) => file.replace('.json', '')).toSorted());
    const complete = await idsOf(stripe.checkout.sessions.list({ limit: 3, status: 'complete' }));
    expect(complete).toHaveLength(20);
    expect(complete).toEqual(all.filter((id) => complete.includes(id)));
    const before = all[15] as string;
    expect(await idsOf(stripe.checkout.sessions.list({ limit: 4, ending_before: before }))).toEqual(
      all.slice(0, 15).toReversed(),
    );
    const now = Math.ceil(Date.now() / 1_000);
    expect(await idsOf(stripe.checkout.sessions.list({ created: { gt: now } }))).toEqual([]);
    expect(await idsOf(stripe.checkout.sessions.list({ created: { gte: now - 600, lte: now } }))).toEqual(
      all,
    );
    expect(await idsOf(stripe.checkout.sessions.list({ created: { lt: now - 600 } }))).toEqual([]);
  });

  test('sessions by their payment', async () => {
    const { id } = await stripe.checkout.sessions.create(checkoutWith(1));
    const { payment_intent } = await (await openSessions(dir)).payNow(id, cartOf(0).buyer);
    expect(await idsOf(stripe.checkout.sessions.list({ payment_intent: String(payment_intent) }))).toEqual([
      id,
    ]);
    expect(await idsOf(stripe.checkout.sessions.list({ payment_intent: 'pi_unknown' }))).toEqual([]);
  });

  test('events by type, and by whether they were delivered', async () => {
    const events = await openEvents(dir);
    const { session } = await (await openSessions(dir)).create(sessionParams.parse(checkoutOf(cartOf(0), 0)));
    const made = ['checkout.session.completed', 'checkout.session.async_payment_failed'] as const;
    const [completed, failed] = made.map((type) => sessionEvent(type, session));
    if (completed === undefined || failed === undefined) throw new Error('two were made');
    await events.save(completed.id, completed);
    await events.save(failed.id, { ...failed, pending_webhooks: 0 });
    const { data, has_more } = await stripe.events.list();
    expect([has_more, data.length]).toEqual([false, 2]);
    expect(data).toContainEqual(completed);
    expect(await stripe.events.retrieve(completed.id)).toEqual(completed);
    await expect(stripe.events.retrieve('evt_unknown')).rejects.toEqual(refusal({ statusCode: 404 }));
    expect(await idsOf(stripe.events.list({ types: [failed.type] }))).toEqual([failed.id]);
    expect(await idsOf(stripe.events.list({ delivery_success: false }))).toEqual([completed.id]);
    expect(await idsOf(stripe.events.list({ delivery_success: true }))).toEqual([failed.id]);
    await expect(stripe.events.list({ ending_before: 'evt_unknown' })).rejects.toEqual(
      refusal({ statusCode: 400, code: 'resource_missing', param: 'ending_before' }),
    );
  });
});

describe('refuses as Stripe does', () => {
  test.each(['cs_test_unknown', 'cs_test_../x', '../package'])(
    'the session %s, which it does not have',
    async (id) => {
      const missing = refusal({
        type: 'StripeInvalidRequestError',
        statusCode: 404,
        code: 'resource_missing',
      });
      await expect(stripe.checkout.sessions.retrieve(id)).rejects.toEqual(missing);
      await expect(stripe.checkout.sessions.listLineItems(id)).rejects.toEqual(missing);
    },
  );

  test.each<[string, Partial<Record<keyof Stripe.Checkout.SessionCreateParams, unknown>>]>([
    ['mode', { mode: 'subscription' }],
    ['line_items', { line_items: [] }],
    ['line_items[0][quantity]', { line_items: [{ ...checkoutWith(1).line_items?.[0], quantity: 0 }] }],
    ['customer_email', { customer_email: 'jenny' }],
    ['', { tax_id_collection: { enabled: true } }],
  ])('a checkout with a bad %j', async (param, bad) => {
    const params = { ...checkoutWith(1), ...bad } as Stripe.Checkout.SessionCreateParams;
    await expect(stripe.checkout.sessions.create(params)).rejects.toEqual(
      refusal({
        type: 'StripeInvalidRequestError',
        statusCode: 400,
        param,
        // Stripe itself may take it.
        message: expect.stringMatching(/^The sandbox's stand-in for Stripe does not take this\. ./),
      }),
    );
    expect(await readdir(dir)).toEqual([]);
  });

  test('two currencies in one checkout', async () => {
    const params = checkoutWith(1);
    const { price_data } = params.line_items?.[0] ?? {};
    params.line_items?.push({ price_data: { ...price_data, currency: 'usd' }, quantity: 1 });
    await expect(stripe.checkout.sessions.create(params)).rejects.toEqual(refusal({ param: 'line_items' }));
  });

  test.each([{ limit: 0 }, { limit: 101 }, { starting_after: 'li_unknown' }])('the page %j', async (page) => {
    const { id } = await stripe.checkout.sessions.create(checkoutWith(1));
    await expect(stripe.checkout.sessions.listLineItems(id, page)).rejects.toEqual(
      refusal({ statusCode: 400, param: Object.keys(page)[0] }),
    );
  });

  test('an address that it does not know', async () => {
    await expect(stripe.customers.list()).rejects.toEqual(refusal({ statusCode: 404 }));
  });

  test('a request without a key', async () => {
    const answer = await fetch(`${standIn.url}/v1/checkout/sessions/cs_test_1`);
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
  });

  test('nobody with a key, in either way to send it', async () => {
    const withBasic = { authorization: `Basic ${btoa('sk_test_sandbox:')}` };
    const answer = await fetch(`${standIn.url}/v1/checkout/sessions/cs_test_1`, { headers: withBasic });
    expect(answer.status).toBe(404);
  });
});
