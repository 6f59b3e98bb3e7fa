import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  checkoutSessionShape,
  readSession,
  retrieveSession,
  retrieveSessionWithItems,
} from '../../src/stripe/checkout-session.ts';
import { createStripe } from '../../src/stripe/client.ts';
import { answerJson } from '../support/http.ts';
import { lineItem, startStripeApi } from '../support/stripe-api.ts';
import { checkoutSession } from '../support/stripe-events.ts';

const api = await startStripeApi();
const stripe = createStripe('sk_test_123', api.url);

beforeEach(() => {
  api.requests.length = 0;
  api.fault = () => false;
});

/** A session that Stripe knows, with these items. */
function keep(items: readonly Record<string, unknown>[], overrides: Record<string, unknown> = {}) {
  const session = checkoutSession(overrides);
  api.keep(session, items);
  return session;
}

const lineItems = (count: number) => Array.from({ length: count }, (_, n) => lineItem(n));
const retrieve = (id: string, account: string | null = null) => retrieveSessionWithItems(stripe, id, account);

describe('a session with its line items', () => {
  test('is as Stripe has it', async () => {
    const { id } = keep([lineItem(1, { amount_discount: 300, amount_tax: 17, amount_total: 3715 })]);
    const { session, lineItems } = await retrieve(id);
    expect(session).toEqual({ payment_status: 'paid' });
    expect(lineItems).toEqual([
      {
        id: 'li_1',
        description: 'Mug No. 1',
        quantity: 2,
        amount_subtotal: 3998,
        amount_discount: 300,
        amount_tax: 17,
        amount_total: 3715,
        currency: 'usd',
        price: { id: 'price_1', product: 'prod_1', unit_amount: 1999, currency: 'usd' },
      },
    ]);
  });

  test('costs one request when they fit on its first page', async () => {
    const { id } = keep(lineItems(10));
    expect((await retrieve(id)).lineItems).toHaveLength(10);
    expect(api.requests).toHaveLength(1);
  });

  test('has every page of them, in order, a hundred a page', async () => {
    const { id } = keep(lineItems(250));
    const { lineItems: all } = await retrieve(id);
    expect(all.map(({ id }) => id)).toEqual(lineItems(250).map(({ id }) => id));
    expect(api.requests).toHaveLength(1 + 3);
  });

  test('has each once where its pages overlap', async () => {
    const { id } = keep([lineItem(1), lineItem(2), lineItem(2), lineItem(3)]);
    const { lineItems: all } = await retrieve(id);
    expect(all.map(({ id }) => id)).toEqual(['li_1', 'li_2', 'li_3']);
  });

  test('is refused where its pages have no end', async () => {
    const { id } = keep(lineItems(11));
    api.fault = (req, res) => {
      if (!req.url?.includes('/line_items')) return false;
      answerJson(res, 200, { object: 'list', url: req.url, data: lineItems(100), has_more: true });
      return true;
    };
    await expect(retrieve(id)).rejects.toThrow('has no end');
  });

  test.each([undefined, null, []])(
    'has them also where the API does not expand, and has %p in their place',
    async (line_items) => {
      const { id } = keep(lineItems(2));
      api.fault = (req, res) => {
        if (req.url?.includes('/line_items')) return false;
        answerJson(res, 200, checkoutSession({ id, line_items }));
        return true;
      };
      expect((await retrieve(id)).lineItems).toHaveLength(2);
    },
  );

  test.each([
    ['the shop itself', null, undefined],
    ['a connected account', 'acct_7', 'acct_7'],
  ])('is asked for in the name of %s, on every page', async (_case, account, header) => {
    const { id } = keep(lineItems(11));
    const asked: unknown[] = [];
    api.fault = ({ headers }) => {
      asked.push(headers['stripe-account']);
      return false;
    };
    await retrieve(id, account);
    expect(asked).toEqual([header, header]);
  });

  test('may have little more than its payment status, and no id, as from a lean stand-in', async () => {
    const { id } = keep([]);
    for (const named of [{ id }, {}]) {
      api.fault = (_req, res) => {
        const line_items = { object: 'list', data: [lineItem(1)], has_more: false };
        answerJson(res, 200, { ...named, payment_status: 'paid', line_items });
        return true;
      };
      expect(await retrieve(id)).toMatchObject({ session: { payment_status: 'paid' }, lineItems: [{}] });
    }
  });

  test('may have items without a price, and without discount and tax, as before 2022', async () => {
    const { amount_discount: _discount, amount_tax: _tax, ...old } = lineItem(1, { price: null });
    const { id } = keep([old]);
    expect((await retrieve(id)).lineItems).toMatchObject([
      { amount_discount: 0, amount_tax: 0, price: null },
    ]);
  });
});

describe("an answer that can't be read is an error that names the field, and not its value", () => {
  test('of the session', async () => {
    const { id } = keep([], { payment_status: '4999' });
    await expect(retrieve(id)).rejects.toThrow(/^Stripe's answer can't be read: payment_status: (?!.*4999)/);
  });

  test('of a session that was not asked for', async () => {
    const { id } = keep([]);
    const other = checkoutSession();
    api.fault = (_req, res) => {
      answerJson(res, 200, other);
      return true;
    };
    const once = { account: null, timeoutMs: 5_000, retries: 0 };
    for (const asking of [retrieve(id), retrieveSession(stripe, id, once)])
      await expect(asking).rejects.toThrow(/^Stripe's answer can't be read: it is not the session/);
  });

  test('of an item', async () => {
    const { id } = keep([lineItem(1), lineItem(2, { amount_total: 19.99 })]);
    await expect(retrieve(id)).rejects.toThrow(/^Stripe's answer can't be read: amount_total: (?!.*19\.99)/);
  });
});

test('a session out of a list is read the same way', () => {
  const session = checkoutSession();
  expect(readSession(session)).toMatchObject({ id: session.id, payment_status: 'paid' });
  expect(() => readSession({ ...session, mode: 7 })).toThrow(/^Stripe's answer can't be read: mode: /);
});

describe('a session for somebody who waits', () => {
  const once = (timeoutMs: number) => ({ account: null, timeoutMs, retries: 0 });
  test('is retrieved, with what an order takes over', async () => {
    const { id } = keep([]);
    expect(await retrieveSession(stripe, id, once(5_000))).toMatchObject({
      id,
      object: 'checkout.session',
      mode: 'payment',
      status: 'complete',
      payment_status: 'paid',
      livemode: false,
      currency: 'usd',
      amount_subtotal: 5998,
      amount_total: 6498,
      customer: 'cus_Q1a2b3c4d5e6f7',
      customer_details: { email: 'jenny@example.com', name: 'Jenny Rosen' },
      collected_information: { shipping_details: { name: 'Jenny Rosen', address: { line1: '1 Main St' } } },
    });
  });

  test('is asked for once, and for no longer than they wait', async () => {
    const { id } = keep([]);
    api.fault = () => true;
    const begin = performance.now();
    await expect(retrieveSession(stripe, id, once(1_000))).rejects.toThrow(/timeout|timed out|aborted/i);
    expect(performance.now() - begin).toBeLessThan(10_000);
    expect(api.requests).toHaveLength(1);
  });

  test('that does not exist is null', async () => {
    expect(await retrieveSession(stripe, 'cs_unknown', once(5_000))).toBeNull();
  });
});

describe('the shape of a session', () => {
  const parse = (overrides: Record<string, unknown>) =>
    checkoutSessionShape.safeParse(checkoutSession(overrides)).success;

  test.each(['paid', 'unpaid', 'no_payment_required'])('knows the payment status %s', (payment_status) => {
    expect(parse({ payment_status })).toBe(true);
  });

  test.each([
    ['another object', { object: 'charge' }],
    ['an unknown payment status', { payment_status: '' }],
    ['an e-mail address that is no text', { customer_details: { email: 7 } }],
    ['a shipping address of bottomless depth', { collected_information: { shipping_details: deep(101) } }],
  ])('refuses %s', (_case, overrides) => {
    expect(parse(overrides)).toBe(false);
  });
});

function deep(levels: number): unknown {
  return levels === 0 ? 'bottom' : { inner: deep(levels - 1) };
}
