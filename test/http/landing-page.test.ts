import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import request from 'supertest';
import { opsAccess } from '../../src/http/access.ts';
import { answerErrors } from '../../src/http/errors.ts';
import { landingPageRouter } from '../../src/http/landing-page.ts';
import { type Ledger, openLedger } from '../../src/orders/ledger.ts';
import { createStripe } from '../../src/stripe/client.ts';
import { createTestDatabase } from '../support/database.ts';
import { answerJson } from '../support/http.ts';
import { recordingLog } from '../support/log.ts';
import { hold } from '../support/process.ts';
import { openShop } from '../support/shop.ts';
import { events } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const TOKEN = 'a-token-of-the-shop';
const shop = await openShop({ OPS_TOKEN: TOKEN });
afterEach(() => {
  shop.stripe.fault = () => false;
});

const ask = (id: string, token = TOKEN) =>
  request(shop.service.url).post(`/checkout-sessions/${id}/fulfill`).set('Authorization', `Bearer ${token}`);

test('the order of a paid session, before any event has come: 200, and it is fulfilled', async () => {
  const session = shop.checkout();
  const answer = await ask(session.id).expect(200);
  expect(answer.body).toMatchObject({ checkout_session_id: session.id, status: 'paid', amount_total: 6498 });
  const { order, transitions, fulfillments } = await shop.atRest(session.id);
  expect(answer.body.id).toBe(order.id);
  expect(transitions).toMatchObject([{ to_status: 'paid', source: 'landing_page', event_id: null }]);
  expect(fulfillments).toMatchObject([{ status: 'fulfilled', event_id: null }]);
});

test('a delayed payment: 200, awaiting payment', async () => {
  const session = shop.checkout({ payment_status: 'unpaid' });
  const { body } = await ask(session.id).expect(200);
  expect(body).toMatchObject({ status: 'awaiting_payment', payment_status: 'unpaid' });
  expect((await shop.rowsOf(session.id)).fulfillments).toEqual([]);
});

test('100 races with the webhook: one order and one fulfillment each', async () => {
  const sessions = Array.from({ length: 100 }, () => shop.checkout());
  // Ten at a time: of all at once a busy machine rightly answers some with 503.
  for (let n = 0; n < sessions.length; n += 10) {
    const calls = sessions.slice(n, n + 10).flatMap((session, i) => {
      const both = [
        () => shop.service.deliver(events.completedPaid(session)).then((status) => expect(status).toBe(200)),
        () => ask(session.id).expect(200),
      ];
      return i % 2 === 0 ? both : both.toReversed();
    });
    await Promise.all(calls.map((call) => call()));
  }
  for (const session of sessions) {
    const { order, transitions, fulfillments } = await shop.atRest(session.id);
    expect(order.status).toBe('paid');
    expect([transitions.length, fulfillments.length]).toEqual([1, 1]);
    expect(shop.receiver.calls.filter(({ id }) => id === session.id)).toHaveLength(1);
  }
});

test("a connected account's, once its webhook has told of it: it is asked for in that account's name", async () => {
  const session = shop.checkout();
  shop.stripe.fault = ({ headers }, res) => {
    if (headers['stripe-account'] === 'acct_7') return false;
    answerJson(res, 404, { error: { type: 'invalid_request_error', code: 'resource_missing' } });
    return true;
  };
  await ask(session.id).expect(404);
  await shop.service.deliver({ ...events.completedPaid(session), account: 'acct_7' });
  const { body } = await ask(session.id).expect(200);
  expect(body).toMatchObject({ checkout_session_id: session.id, status: 'paid', account: 'acct_7' });
  // What Stripe is asked by the worker is not counted in the next test.
  await shop.atRest(session.id);
});

describe('no order comes of', () => {
  test.each([
    [
      'a session that is still open',
      { status: 'open', payment_status: 'no_payment_required' },
      409,
      'not_completed',
    ],
    ['a session that expired', { status: 'expired', payment_status: 'unpaid' }, 409, 'not_completed'],
    ['a session that only sets up a payment method', { mode: 'setup' }, 409, 'not_completed'],
  ])('%s', async (_case, overrides, status, code) => {
    const session = shop.checkout(overrides);
    const answer = await ask(session.id);
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    expect((await shop.rowsOf(session.id)).order).toBeUndefined();
  });

  test.each([
    ['cs_test_unknown', 1],
    ['pi_1', 0],
    ['cs_..%2F..', 0],
  ])('%s: 404, and Stripe is asked %d times', async (id, times) => {
    const before = shop.stripe.requests.length;
    const answer = await ask(id);
    expect([answer.status, answer.body.error.code]).toEqual([404, 'no_such_session']);
    expect(answer.body.error.message).toMatch('in the account and mode of STRIPE_SECRET_KEY');
    expect(shop.stripe.requests.slice(before)).toHaveLength(times);
  });
});

/** Asks a service that is nothing but this, and reads its log. */
async function askAlone(id: string, { db = shop.db, record = openLedger(db) } = {}) {
  const { stripe } = shop;
  const { log, lines } = recordingLog();
  const before = stripe.requests.length;
  const app = express().use(
    landingPageRouter({
      access: (_req, _res, next) => next(),
      stripe: createStripe('sk_test_123', stripe.url),
      record,
      db,
      livemode: false,
      log,
    }),
  );
  app.use(answerErrors(log));
  const answer = await request(app).post(`/checkout-sessions/${id}/fulfill`);
  return { answer, lines, asked: stripe.requests.length - before };
}

const failure = { error: { type: 'api_error', message: 'Invalid API Key provided: sk_test_123' } };

test.each([
  [500, failure, 'stripe_unreachable', 'warn'],
  [401, failure, 'stripe_refused', 'error'],
  [403, failure, 'stripe_refused', 'error'],
  [200, { object: 'checkout.session', status: 'sk_test_123' }, 'session_unreadable', 'error'],
])(
  'Stripe answers %i, %j: 502 %s, and nothing of it comes through but to the log',
  async (status, body, code, level) => {
    shop.stripe.fault = (_req, res) => {
      answerJson(res, status, body);
      return true;
    };
    const { answer, lines, asked } = await askAlone(shop.checkout().id);
    expect([answer.status, answer.body.error.code]).toEqual([502, code]);
    // A customer waits.
    expect(asked).toBe(1);
    expect(answer.text).not.toMatch(/sk_test/);
    expect(lines.map(({ level }) => level)).toEqual([level]);
  },
);

test('a session that PostgreSQL can not hold: 502, told by the log', async () => {
  // An index takes 2,704 bytes.
  const { id } = shop.checkout({ client_reference_id: randomBytes(5_000).toString('hex') });
  const { answer, lines } = await askAlone(id);
  expect([answer.status, answer.body.error.code]).toEqual([502, 'event_unstorable']);
  expect(lines).toMatchObject([
    { level: 'error', checkout_session_id: id, reason: expect.stringContaining('SQLSTATE 54000') },
  ]);
});

test.concurrent('a commit that does not end: 503, and the log has why', async () => {
  const { answer, lines } = await askAlone(shop.checkout().id, { record: () => new Promise(() => {}) });
  expect([answer.status, answer.body.error.code]).toEqual([503, 'unavailable']);
  expect(lines).toMatchObject([{ level: 'warn', reason: 'no answer in time' }]);
});

test.concurrent.each([
  ['before Stripe is asked', false],
  ['once the order is kept', true],
])('a database that stalls %s: 503, and the log has why', async (_when, isKept) => {
  const { db } = await createTestDatabase();
  const ledger = openLedger(db);
  await using held = new AsyncDisposableStack();
  // The pool, one of a worker, waits for a lock for longer.
  const stall = async () =>
    void held.use(await hold(db, (trx) => trx.raw('lock table orders in access exclusive mode')));
  const record: Ledger = async (news) => {
    const recorded = await ledger(news);
    await stall();
    return recorded;
  };
  if (!isKept) await stall();
  const { answer, lines } = await askAlone(shop.checkout().id, { db, record });
  expect([answer.status, answer.body.error.code]).toEqual([503, 'unavailable']);
  expect(lines.at(-1)).toMatchObject({ level: 'warn', reason: 'no answer in time' });
});

test.concurrent.each([
  ['hangs', () => {}],
  ['answers byte by byte', trickle],
])('Stripe %s: 502 within 5 s, and it is asked no longer', async (_how, answer) => {
  const session = shop.checkout();
  let isAsked = true;
  const { fault } = shop.stripe;
  shop.stripe.fault = (req, res) => {
    if (!req.url?.includes(session.id)) return fault(req, res);
    res.once('close', () => {
      isAsked = false;
    });
    answer(res);
    return true;
  };
  const startedAt = performance.now();
  expect((await ask(session.id)).status).toBe(502);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  await until('it is given up', () => !isAsked, 30);
});

function trickle(res: ServerResponse): void {
  // Slowly: the client gives the head as long as it gives the body after it.
  const dripping = setInterval(() => res.write(' '), 2_000);
  res.on('close', () => clearInterval(dripping));
}

describe('access', () => {
  test.each([
    ['a wrong token', `Bearer ${TOKEN}x`],
    ['another scheme', `Basic ${TOKEN}`],
    ['no token', ''],
  ])('%s: 401', async (_case, authorization) => {
    const { id } = shop.checkout();
    const call = request(shop.service.url).post(`/checkout-sessions/${id}/fulfill`);
    await call.set('Authorization', authorization).expect(401).expect('WWW-Authenticate', 'Bearer');
    expect((await shop.rowsOf(id)).order).toBeUndefined();
  });

  test.each([
    ['GET', '/checkout-sessions'],
    ['GET', '/checkout-sessions/cs_1/fulfill'],
    ['POST', '/checkout-sessions/%/fulfill'],
  ] as const)('%s %s, which is not there: 401 as well', async (method, path) => {
    const response = await fetch(shop.service.url + path, { method });
    expect(response.status).toBe(401);
  });

  const guarded = (production: boolean) =>
    express()
      .use(opsAccess({ token: null, production }))
      .get('/', (_req, res) => res.json('in'));

  test('without a configured token: from this machine by its own name only, and not in production', async () => {
    await request(guarded(false)).get('/').expect(200, '"in"');
    await request(guarded(false)).get('/').set('Host', 'evil.example').expect(403);
    await request(guarded(true)).get('/').expect(403);
  });

  test.each([
    ['203.0.113.7', 403],
    ['2001:db8::1', 403],
    ['::ffff:203.0.113.7', 403],
    ['::ffff:127.0.0.1', 200],
    ['::1', 200],
  ])('a caller at %s: %d, whatever name it calls', async (remoteAddress, status) => {
    const from: RequestHandler = ({ socket }, _res, next) => {
      Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
      next();
    };
    await request(express().use(from, guarded(false)))
      .get('/')
      .set('Host', 'localhost')
      .expect(status);
  });

  test.each(['localhost', '127.0.0.2', '[::1]', '0.0.0.0', '[::]'])('a name of its own: %s', async (host) => {
    await request(guarded(false)).get('/').set('Host', `${host}:4242`).expect(200, '"in"');
  });
});
