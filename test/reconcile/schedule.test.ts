import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { Loop } from '../../src/loop.ts';
import { openLedger } from '../../src/orders/ledger.ts';
import { standingRefusals } from '../../src/orders/refused.ts';
import { startReconciling } from '../../src/reconcile/schedule.ts';
import { createStripe } from '../../src/stripe/client.ts';
import { createTestDatabase } from '../support/database.ts';
import { answerJson } from '../support/http.ts';
import { insertOrder } from '../support/orders.ts';
import { customerOf, customersSince, endings, secondsAgo } from '../support/outage.ts';
import { forbidden, startStripeApi } from '../support/stripe-api.ts';
import { checkoutSession, events } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const { db } = await createTestDatabase();
const api = await startStripeApi();
const HOUR = 60 * 60;
const DAY = 24 * HOUR;
const hourAgo = new Date((secondsAgo(0) - HOUR) * 1_000);

let lines: Record<string, unknown>[];
let running: Loop[];

function start(): void {
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const stripe = createStripe('sk_test_123', api.url);
  running.push(...startReconciling({ db, stripe, record: openLedger(db), livemode: false, log }));
}

beforeEach(async () => {
  [lines, running] = [[], []];
  api.forget();
  await db.raw('truncate stripe_events, orders cascade');
  await db('knex_migrations').update({ migration_time: new Date((secondsAgo(0) - 60 * DAY) * 1_000) });
  await make('events', { next_run_at: db.raw("now() + interval '1 hour'") });
  await make('checkout_sessions', { next_run_at: db.raw("now() + interval '1 hour'") });
});

afterEach(() => Promise.all(running.map((loop) => loop.stop())));

const make = (list: string, changes: Record<string, unknown>) =>
  db('reconcile_cursors')
    .where({ list })
    .update({ position: null, held_by: null, ...changes });
const isOver = (list: string) =>
  until(`${list} is done`, () =>
    db('reconcile_cursors').where({ list, held_by: null }).andWhere('next_run_at', '>', db.fn.now()).first(),
  );
const brokeOff = () =>
  until('it broke off', () => lines.some(({ msg }) => String(msg).startsWith('reconcile broke off')));
/** A run that the database fails, as it has something under another name. */
async function runWithout(kind: 'table' | 'function', name: string): Promise<void> {
  await db.raw(`alter ${kind} ${name} rename to away`);
  try {
    start();
    await brokeOff();
  } finally {
    await db.raw(`alter ${kind} away rename to ${name}`);
  }
}
const due = { next_run_at: new Date(0), since: new Date((secondsAgo(0) - 3 * DAY) * 1_000) };

test('what is due is done without a command, by one of several processes, with a line for each order', async () => {
  const customers = customersSince(api, secondsAgo(2 * DAY), 40);
  await make('events', due);
  for (let i = 0; i < 4; i += 1) start();
  await isOver('events');
  const orders: { checkout_session_id: string; status: string; id: number }[] = await db('orders');
  expect(new Map(orders.map((order) => [order.checkout_session_id, order.status]))).toEqual(
    new Map(customers.map(({ sessionId, story }) => [sessionId, endings[story]])),
  );
  // One looks for the object before the beginning, and one reads all events: there are fewer than 100.
  expect(api.requests).toHaveLength(2);
  const warned = lines.filter(({ level }) => level === 40);
  expect(new Set(warned.map(({ order_id, status }) => `${order_id} ${status}`))).toEqual(
    new Set(orders.map(({ id, status }) => `${id} ${status}`)),
  );
  expect(lines).toHaveLength(orders.length);
});

/** An event that can't be read, twice in the only page. */
async function listUnreadable() {
  const bad = events.completedPaid(checkoutSession({ amount_total: 'much' }));
  const listed = { ...bad, created: secondsAgo(DAY) };
  api.fault = (_req, res) => {
    answerJson(res, 200, { object: 'list', data: [listed, listed], has_more: false });
    return true;
  };
  await make('events', due);
  return bad;
}

test('an event that can not be read is kept with those that a webhook has refused, once where a page has it twice', async () => {
  const bad = await listUnreadable();
  start();
  await isOver('events');
  const { id: checkout_session_id } = bad.data.object;
  expect(await db('refused_events').where({ id: bad.id })).toMatchObject([
    { type: bad.type, checkout_session_id, reason: expect.stringContaining('amount_total') },
  ]);
});

test('one that can not be kept there either is not passed over', async () => {
  await listUnreadable();
  await runWithout('table', 'refused_events');
  expect(await db('reconcile_cursors').where({ list: 'events' }).first()).toMatchObject({ position: null });
});

test('a session that can not be read is kept there too: it may have no event', async () => {
  const bad = checkoutSession({ created: secondsAgo(2 * DAY), amount_total: 'much' });
  const { id } = bad;
  api.keep(bad, []);
  api.keep(checkoutSession({ created: secondsAgo(2 * DAY) }), []);
  await make('checkout_sessions', due);
  start();
  await isOver('checkout_sessions');
  expect(await db('refused_events').where({ checkout_session_id: id })).toMatchObject([
    { id, type: 'checkout.session', reason: expect.stringContaining('amount_total') },
  ]);
  expect(await db('orders')).toHaveLength(1);
  expect(await standingRefusals(db)).toMatchObject({ event_id: id });
});

test('a walk that Stripe does not answer holds up no audit', async () => {
  await make('events', due);
  await make('checkout_sessions', due);
  const unanswered: ServerResponse[] = [];
  // The audit asks for those that were not delivered.
  api.fault = ({ url = '' }, res) =>
    url.startsWith('/v1/events') && !url.includes('delivery_success') && unanswered.push(res) > 0;
  start();
  await isOver('checkout_sessions');
  expect(unanswered).toHaveLength(1);
  // So that nobody waits for it when the tests are over.
  for (const res of unanswered) answerJson(res, 401, { error: { type: 'invalid_request_error' } });
});

test('an event that a webhook may be bringing right now is left to it', async () => {
  customerOf(api, 'card', secondsAgo(120));
  await make('events', due);
  start();
  await isOver('events');
  expect([await db('orders'), lines]).toEqual([[], []]);
});

test('what happened before the database was made is not its own', async () => {
  customerOf(api, 'card', secondsAgo(2 * HOUR));
  await make('events', { ...due, since: new Date((secondsAgo(0) - HOUR) * 1_000) });
  start();
  await isOver('events');
  expect(await db('orders')).toEqual([]);
});

test.each([['events'], ['checkout_sessions']])(
  'nor is it once the key is that of another account, and its %s are others; nor because it was not delivered',
  async (list) => {
    customerOf(api, 'card', secondsAgo(2 * DAY));
    await db('knex_migrations').update({ migration_time: db.fn.now() });
    await make(list, { ...due, position: 'of_the_other_account', since: new Date() });
    start();
    await isOver(list);
    expect(await db('orders')).toEqual([]);
  },
);

test('the audit finds paid sessions without an event, events that the cursor has passed, and what only a person can mend', async () => {
  // The last one has just been completed, and its webhook may be on its way.
  const [, yesterdays] = [4 * DAY, 2 * DAY, DAY + HOUR / 2].map((age) => {
    const session = checkoutSession({ created: secondsAgo(age) });
    api.keep(session, []);
    return session.id;
  });
  const refused = customerOf(api, 'debit failed', secondsAgo(DAY));
  const made = { status: 'paid', payment_status: 'paid', mode: 'payment', livemode: false };
  const unknown = {
    ...made,
    checkout_session_id: 'cs_test_elsewhere',
    paid_at: new Date(Date.now() - HOUR * 1_000),
  };
  const [{ id }] = await db('orders').insert(unknown).returning('id');
  await make('checkout_sessions', due);
  start();
  await isOver('checkout_sessions');
  expect(await db('orders').orderBy('checkout_session_id').select('checkout_session_id', 'status')).toEqual(
    [
      { checkout_session_id: unknown.checkout_session_id, status: 'paid' },
      { checkout_session_id: yesterdays, status: 'paid' },
      { checkout_session_id: refused.sessionId, status: 'failed' },
    ].toSorted((a, b) => (String(a.checkout_session_id) < String(b.checkout_session_id) ? -1 : 1)),
  );
  expect(lines.filter(({ level }) => level === 50)).toMatchObject([
    { order_id: id, checkout_session_id: 'cs_test_elsewhere', reason: 'Stripe has no such session' },
  ]);
});

test('the audit asks for paid orders of its time alone: for none that a webhook has just brought, nor for older ones', async () => {
  const paidAgo = (seconds: number) => {
    const at = new Date((secondsAgo(0) - seconds) * 1_000);
    return insertOrder(db, { created_at: at, paid_at: at });
  };
  for (const age of [0, 4 * DAY]) await paidAgo(age);
  const { checkout_session_id } = await paidAgo(HOUR);
  await make('checkout_sessions', due);
  start();
  await isOver('checkout_sessions');
  const asked = api.requests.filter((it) => it.includes('/sessions/cs_'));
  expect(asked).toEqual([`GET /v1/checkout/sessions/${checkout_session_id}`]);
});

test('the audit finds money that came without an event, after the walk through the sessions has passed', async () => {
  const session = checkoutSession({ created: secondsAgo(3 * DAY), payment_status: 'unpaid' });
  const waiting = { status: 'awaiting_payment', payment_status: 'unpaid', mode: 'payment', livemode: false };
  const created_at = new Date((secondsAgo(0) - 32 * DAY) * 1_000);
  const made = await db('orders')
    .insert([
      { ...waiting, checkout_session_id: session.id, created_at },
      { ...waiting, checkout_session_id: 'cs_test_gone', created_at },
      { ...waiting, checkout_session_id: 'cs_test_unreadable', created_at },
      { ...waiting, checkout_session_id: 'cs_test_connected', account: 'acct_1', created_at },
      { ...waiting, checkout_session_id: 'cs_live_other', livemode: true, created_at },
      { ...waiting, checkout_session_id: 'cs_test_new' },
      {
        ...waiting,
        checkout_session_id: 'cs_test_old',
        created_at: new Date((secondsAgo(0) - 34 * DAY) * 1_000),
      },
    ])
    .returning('id');
  api.keep({ ...checkoutSession(), id: 'cs_test_unreadable', amount_total: 'much' }, []);
  const cursor = checkoutSession({ created: secondsAgo(2 * DAY) });
  api.keep(cursor, []);
  // Captured by hand, days later.
  api.keep({ ...session, payment_status: 'paid' }, []);
  await make('checkout_sessions', { ...due, position: cursor.id });
  start();
  await isOver('checkout_sessions');
  expect(await db('orders').where({ status: 'paid' })).toMatchObject([{ checkout_session_id: session.id }]);
  expect(await db('fulfillments')).toMatchObject([{ order_id: made[0].id, event_id: null }]);
  expect(await db('order_transitions')).toMatchObject([
    { source: 'reconcile', from_status: 'awaiting_payment' },
  ]);
  const asked = api.requests.map((it) => /sessions\/(\w+)/.exec(it)?.[1]).filter(Boolean);
  expect(asked.toSorted()).toEqual([session.id, 'cs_test_gone', 'cs_test_unreadable'].toSorted());
  expect(lines.map(({ level, checkout_session_id, id }) => [level, checkout_session_id ?? id])).toEqual([
    [40, session.id],
    [50, 'cs_test_gone'],
    [50, 'cs_test_unreadable'],
  ]);
  // It may be paid, and only a person can see that.
  expect(await standingRefusals(db)).toMatchObject({ event_id: 'cs_test_unreadable' });
});

test('the audit finds a session that waits for its money and of which Stripe made no event, and later the money', async () => {
  const session = checkoutSession({ created: secondsAgo(2 * DAY), payment_status: 'unpaid' });
  api.keep(session, []);
  await make('checkout_sessions', due);
  start();
  await isOver('checkout_sessions');
  const order = db('orders').where({ checkout_session_id: session.id });
  expect(await order.clone()).toMatchObject([{ status: 'awaiting_payment', payment_status: 'unpaid' }]);

  // A day later: the walk through the sessions has passed it.
  api.keep({ ...session, payment_status: 'paid' }, []);
  await order.clone().update({ created_at: db.raw("now() - interval '1 day'") });
  await db('reconcile_cursors')
    .where({ list: 'checkout_sessions' })
    .update({ next_run_at: new Date(0) });
  start();
  await isOver('checkout_sessions');
  expect(await order.clone()).toMatchObject([{ status: 'paid', payment_status: 'paid' }]);
  expect(await db('fulfillments').select('event_id')).toEqual([{ event_id: null }]);
  expect(api.requests).toContain(`GET /v1/checkout/sessions/${session.id}`);
});

test('a run that breaks off is told, leaves the service alone, and goes on when its hold ends', async () => {
  api.fault = (_req, res) => {
    res.writeHead(401).end('{"error":{"type":"invalid_request_error","message":"Invalid API Key provided"}}');
    return true;
  };
  await make('events', due);
  start();
  await brokeOff();
  const { next_run_at, held_by } = await db('reconcile_cursors').where({ list: 'events' }).first();
  expect(held_by).not.toBeNull();
  expect(next_run_at.getTime() - Date.now()).toBeLessThanOrEqual(15 * 60 * 1_000);
});

test('the audit goes on where the key may not read events: their own walk is told to break off', async () => {
  const session = checkoutSession({ created: secondsAgo(2 * DAY) });
  api.keep(session, []);
  api.fault = forbidden('/v1/events');
  await make('events', due);
  await make('checkout_sessions', due);
  start();
  await isOver('checkout_sessions');
  await brokeOff();
  expect(await db('orders')).toMatchObject([{ checkout_session_id: session.id, status: 'paid' }]);
  expect(lines.filter(({ msg }) => String(msg).startsWith('reconcile broke off'))).toMatchObject([
    { list: 'events', reason: expect.stringContaining('may not read Events') },
  ]);
});

test('an event that the database can not take now is not passed over', async () => {
  // The object before the time it begins at: without one only the last page moves the cursor.
  customerOf(api, 'card', secondsAgo(4 * DAY));
  customerOf(api, 'card', secondsAgo(DAY));
  await make('events', due);
  await runWithout('function', 'record_news');
  expect(await db('reconcile_cursors').where({ list: 'events' }).first()).toMatchObject({ position: null });
  expect(lines).toMatchObject([{ level: 40, list: 'events' }]);
});

test('a run whose end can not be noted is told to break off as well', async () => {
  await make('events', due);
  await db.raw(
    'alter table reconcile_cursors add constraint always_held check (held_by is not null) not valid',
  );
  try {
    start();
    await brokeOff();
  } finally {
    await db.raw('alter table reconcile_cursors drop constraint always_held');
  }
  expect(lines).toMatchObject([
    { level: 40, list: 'events', reason: expect.stringContaining('always_held') },
  ]);
});

test('what Stripe refuses to tell of an order is no word against it', async () => {
  await insertOrder(db, { paid_at: new Date(Date.now() - HOUR * 1_000) });
  api.fault = forbidden('/v1/checkout/sessions/');
  await make('checkout_sessions', due);
  start();
  await brokeOff();
  expect(lines).toMatchObject([{ level: 40, list: 'checkout_sessions' }]);
});

test.each([
  ['awaiting_payment', Array(4).fill({ msg: 'order awaits payment, but Stripe has no such session' })],
  ['paid', Array(4).fill({ reason: 'Stripe has no such session' })],
])(
  'an audit whose list another run has taken over asks for no further orders (%s)',
  async (status, found) => {
    const created_at = new Date((secondsAgo(0) - DAY) * 1_000);
    const paid_at = status === 'paid' ? created_at : null;
    for (let n = 0; n < 5; n += 1) await insertOrder(db, { status, created_at, paid_at });
    const asked = () => api.requests.filter((it) => it.includes('/sessions/cs_'));
    api.fault = ({ url = '' }, res) => {
      if (!url.includes('/sessions/cs_') || asked().length > 1) return false;
      make('checkout_sessions', { held_by: randomUUID() }).then(() =>
        answerJson(res, 404, { error: { type: 'invalid_request_error', code: 'resource_missing' } }),
      );
      return true;
    };
    await make('checkout_sessions', due);
    start();
    await brokeOff();
    expect(lines).toMatchObject([{ reason: expect.stringContaining('has taken over') }, ...found]);
    expect(asked()).toHaveLength(4);
  },
);

test('an audit that asks too often about an order asks again', async () => {
  const { checkout_session_id } = await insertOrder(db, { paid_at: hourAgo });
  let asked = 0;
  api.fault = ({ url = '' }, res) => {
    if (!url.includes(checkout_session_id)) return false;
    asked += 1;
    if (asked === 1) answerJson(res, 429, { error: { type: 'invalid_request_error', code: 'rate_limit' } });
    return asked === 1;
  };
  await make('checkout_sessions', due);
  start();
  await isOver('checkout_sessions');
  expect([asked, lines]).toMatchObject([2, [{ level: 50, checkout_session_id }]]);
});

test('it asks about four orders in a quarter of a second: Stripe allows 25 calls a second', async () => {
  for (let n = 0; n < 9; n += 1) await insertOrder(db, { paid_at: hourAgo });
  const askedAt: number[] = [];
  api.fault = ({ url = '' }) => {
    if (url.includes('/sessions/cs_')) askedAt.push(performance.now());
    return false;
  };
  await make('checkout_sessions', due);
  start();
  await isOver('checkout_sessions');
  expect(askedAt).toHaveLength(9);
  // Half a second, less what the first of them may have taken to arrive.
  expect((askedAt[8] as number) - (askedAt[0] as number)).toBeGreaterThan(300);
});

test.each([
  ['awaiting_payment', {}],
  ['paid', { paid_at: hourAgo }],
])(
  'it stops between two groups of orders at %s, and asks Stripe for no more of them',
  async (status, columns) => {
    for (let n = 0; n < 5; n += 1) await insertOrder(db, { status, created_at: hourAgo, ...columns });
    const asked: ServerResponse[] = [];
    api.fault = (req, res) => /\/sessions\/cs_/.test(req.url ?? '') && asked.push(res) > 0;
    await make('checkout_sessions', due);
    start();
    await until('Stripe is asked for four', () => asked.length === 4);
    const stopping = Promise.all(running.map((loop) => loop.stop()));
    for (const res of asked) answerJson(res, 404, { error: { type: 'invalid_request_error' } });
    await stopping;
    expect(asked).toHaveLength(4);
    expect(lines.filter(({ msg }) => String(msg).startsWith('reconcile broke off'))).toEqual([]);
  },
);

test('it stops between two pages, and takes nothing of the one that comes', async () => {
  const asked: ServerResponse[] = [];
  api.fault = ({ url = '' }, res) => url.includes('limit=100') && asked.push(res) > 0;
  await make('events', due);
  start();
  await until('Stripe is asked for a page', () => asked.length === 1);
  const stopping = Promise.all(running.map((loop) => loop.stop()));
  const event = events.completedPaid(checkoutSession());
  const data = [{ ...event, created: secondsAgo(DAY) }];
  for (const res of asked) answerJson(res, 200, { object: 'list', data, has_more: false });
  await stopping;
  expect([await db('stripe_events'), lines]).toEqual([[], []]);
});

test('it stops soon, also while Stripe does not answer, and says nothing of that', async () => {
  const unanswered: ServerResponse[] = [];
  api.fault = (_req, res) => unanswered.push(res) > 0;
  await make('events', due);
  start();
  await until('Stripe is asked', () => unanswered.length > 0);
  const begin = performance.now();
  await Promise.all(running.map((loop) => loop.stop()));
  expect(performance.now() - begin).toBeLessThan(3_000);
  for (const res of unanswered) answerJson(res, 401, { error: { type: 'invalid_request_error' } });
  // By the time that another one has had its answers, it has had its own.
  api.fault = () => false;
  await make('events', due);
  start();
  await isOver('events');
  expect(lines).toEqual([]);
});
