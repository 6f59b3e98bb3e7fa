import { beforeEach, describe, expect, test } from '@jest/globals';
import { createStripe } from '../../src/stripe/client.ts';
import {
  completeSessionList,
  eventList,
  isRefused,
  type List,
  type Listed,
  newestFirst,
  oldestFirst,
  sessionBy,
  undeliveredEventList,
} from '../../src/stripe/lists.ts';
import { answerJson } from '../support/http.ts';
import { startStripeApi } from '../support/stripe-api.ts';
import { checkoutSession, stripeEvent } from '../support/stripe-events.ts';

const api = await startStripeApi();
const stripe = createStripe('sk_test_123', api.url);
const TYPES = ['checkout.session.completed', 'checkout.session.async_payment_failed'];

beforeEach(() => api.forget());

let kept = 0;

/** So many events, a second apart, the first at 1,000; their ids. */
function keepEvents(count: number, type = TYPES[0] as string, delivered = false): string[] {
  const ids = Array.from({ length: count }, () => `evt_${kept++}`);
  for (const [n, id] of ids.entries())
    api.keepEvent(stripeEvent(type, checkoutSession(), { id, created: 1_000 + n }), delivered);
  return ids;
}

async function pagesOf(walk: AsyncIterable<readonly Listed[]>): Promise<string[][]> {
  const pages: string[][] = [];
  for await (const page of walk) pages.push(page.map(({ id }) => id));
  return pages;
}

const idsOf = async (list: List<Listed>) => (await list({})).data.map(({ id }) => id);

test.each([
  ['pi_1', 'cs_test_own'],
  ['pi_3', null],
])(
  'a session is that of the payment, also where Stripe takes no filter: %s is of %s',
  async (payment, id) => {
    const sessions = [
      checkoutSession({ payment_intent: 'pi_2' }),
      checkoutSession({ payment_intent: 'pi_1', id: 'cs_test_own' }),
    ];
    api.fault = (_req, res) => {
      answerJson(res, 200, { object: 'list', data: sessions, has_more: false });
      return true;
    };
    expect(await sessionBy(stripe, 'payment_intent', payment)).toBe(id);
  },
);

describe('what is listed', () => {
  test('events of these types, newest first', async () => {
    const [first, second] = keepEvents(2);
    keepEvents(1, 'charge.refunded');
    const [failed] = keepEvents(1, TYPES[1]);
    expect(new Set(await idsOf(eventList(stripe, TYPES)))).toEqual(new Set([second, first, failed]));
    expect((await idsOf(eventList(stripe, TYPES)))[0]).toBe(second);
  });

  test('those of them that were not delivered', async () => {
    keepEvents(2, TYPES[0], true);
    const [lost] = keepEvents(1, TYPES[1]);
    keepEvents(1, 'charge.refunded');
    expect(await idsOf(undeliveredEventList(stripe, TYPES))).toEqual([lost]);
  });

  test('sessions that are complete', async () => {
    const complete = checkoutSession();
    api.keep(complete, []);
    api.keep(checkoutSession({ status: 'open' }), []);
    expect(await idsOf(completeSessionList(stripe))).toEqual([complete.id]);
  });
});

describe('page by page', () => {
  test('back in time', async () => {
    const ids = keepEvents(250).toReversed();
    const pages = await pagesOf(newestFirst(eventList(stripe, TYPES), {}));
    expect(pages).toEqual([ids.slice(0, 100), ids.slice(100, 200), ids.slice(200)]);
    expect(api.requests).toHaveLength(3);
  });

  test('on in time, from a position that is left out', async () => {
    const ids = keepEvents(251);
    const pages = await pagesOf(oldestFirst(eventList(stripe, TYPES), ids[0] as string, {}));
    expect(pages).toEqual([ids.slice(1, 101), ids.slice(101, 201), ids.slice(201)]);
    expect(api.requests).toHaveLength(3);
  });

  test('within these times', async () => {
    const ids = keepEvents(10);
    const between = { gte: 1_002, lte: 1_005 };
    const list = eventList(stripe, TYPES);
    expect(await pagesOf(newestFirst(list, between))).toEqual([ids.slice(2, 6).toReversed()]);
    expect(await pagesOf(oldestFirst(list, ids[3] as string, between))).toEqual([ids.slice(4, 6)]);
  });

  test('of nothing there is no page', async () => {
    const list = eventList(stripe, TYPES);
    expect(await pagesOf(newestFirst(list, {}))).toEqual([]);
    const [newest] = keepEvents(1);
    expect(await pagesOf(oldestFirst(list, newest as string, {}))).toEqual([]);
  });
});

test('a list that begins anew on every page is refused', async () => {
  const ids = keepEvents(101);
  const list: List<Listed> = () => eventList(stripe, TYPES)({ limit: 100 });
  const anew = [newestFirst(list, {}), oldestFirst(list, ids[0] as string, {})];
  for (const walk of anew) await expect(pagesOf(walk)).rejects.toThrow('has no end');
});

test.each([
  ['a hiccup', 500, { type: 'api_error', message: 'not now' }],
  ['being asked too often', 429, { type: 'invalid_request_error', code: 'rate_limit' }],
])('%s does not end a list, nor does a second time', async (_what, status, error) => {
  const ids = keepEvents(1);
  let faults = 2;
  api.fault = (_req, res) => {
    faults -= 1;
    if (faults >= 0) answerJson(res, status, { error });
    return faults >= 0;
  };
  expect(await idsOf(eventList(stripe, TYPES))).toEqual(ids);
});

describe('an error', () => {
  test.each([
    ['Events', eventList(stripe, TYPES)],
    ['Events', undeliveredEventList(stripe, TYPES)],
    ['Checkout Sessions', completeSessionList(stripe)],
  ])('of a key that may not read %s says which permission it lacks', async (what, list) => {
    api.fault = (_req, res) => {
      answerJson(res, 403, { error: { type: 'invalid_request_error', message: 'no' } });
      return true;
    };
    await expect(list({})).rejects.toMatchObject({
      name: 'SetupError',
      message: expect.stringContaining(`"Read" for ${what}`),
      cause: expect.objectContaining({ type: 'StripePermissionError' }),
    });
  });

  test('in JSON of a proxy is one', async () => {
    api.fault = (_req, res) => {
      answerJson(res, 404, { message: 'no such host' });
      return true;
    };
    await expect(pagesOf(newestFirst(eventList(stripe, TYPES), {}))).rejects.toMatchObject({
      type: 'StripeAPIError',
      message: "Stripe's answer, of status 404, is no list",
    });
  });

  test('of any other kind is as the package has it', async () => {
    api.fault = (_req, res) => {
      answerJson(res, 401, { error: { type: 'invalid_request_error', message: 'who are you' } });
      return true;
    };
    await expect(idsOf(eventList(stripe, TYPES))).rejects.toMatchObject({
      type: 'StripeAuthenticationError',
    });
  });

  test('of a payment that Stripe does not know is none, and any other is passed on', async () => {
    const answers = [
      { type: 'invalid_request_error', code: 'resource_missing', message: 'No such payment_intent' },
      { type: 'invalid_request_error', message: 'Invalid integer' },
    ];
    api.fault = (_req, res) => {
      answerJson(res, 400, { error: answers.shift() });
      return true;
    };
    expect(await sessionBy(stripe, 'payment_intent', 'pi_1')).toBeNull();
    await expect(sessionBy(stripe, 'payment_intent', 'pi_1')).rejects.toThrow('Invalid integer');
  });

  test('of a payment is waited for by a person: Stripe is given up after 4 s, and asked once', async () => {
    api.fault = () => true;
    const began = performance.now();
    await expect(sessionBy(stripe, 'payment_intent', 'pi_1')).rejects.toMatchObject({
      type: 'StripeConnectionError',
    });
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(api.requests).toHaveLength(1);
  });

  test('of a position that Stripe does not know is told from others', async () => {
    const list = eventList(stripe, TYPES);
    const unknown = await pagesOf(oldestFirst(list, 'evt_gone', {})).catch((error) => error);
    expect(isRefused(unknown)).toBe(true);
    expect(isRefused(Object.assign(new Error('x'), { code: 'resource_missing' }))).toBe(false);
    api.fault = (_req, res) => {
      answerJson(res, 401, { error: { type: 'invalid_request_error', message: 'who are you' } });
      return true;
    };
    const other = await pagesOf(oldestFirst(list, 'evt_gone', {})).catch((error) => error);
    expect(isRefused(other)).toBe(false);
  });
});
