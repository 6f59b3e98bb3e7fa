import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import request from 'supertest';
import type { z } from 'zod';
import * as shapes from '../../src/ops/api/shapes.ts';
import { recordEvent } from '../support/news.ts';
import { logIn } from '../support/ops-pages.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { openShop } from '../support/shop.ts';
import { events } from '../support/stripe-events.ts';

const TOKEN = 'a-token-of-the-shop';
const shop = await openShop({ OPS_TOKEN: TOKEN, FULFILLMENT_MAX_ATTEMPTS: '1' });
const call = (method: 'get' | 'post', path: string) =>
  request(shop.service.url)[method](`/ops/api${path}`).set('Authorization', `Bearer ${TOKEN}`);
const get = (path: string) => call('get', path);

/** What came, once it is as the document says. */
const as = <Shape extends z.ZodType>(shape: Shape, { body }: request.Response) => shape.parse(body);

test('the document is OpenAPI 3.1, and names what there is', async () => {
  const { body } = await get('/openapi.json').expect(200);
  const validator = new Validator();
  expect(await validator.validate(body)).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
  expect(Object.keys(body.paths)).toEqual([
    '/orders',
    '/orders/{id}',
    '/orders/{id}/retry',
    '/orders/{id}/close',
    '/retry-dead',
    '/events',
    '/events/{id}',
    '/events/{id}/replay',
    '/checkout-sessions/{id}/fulfill',
  ]);
  // What the door answers, whatever is asked.
  for (const { responses } of Object.values<Record<string, { responses: object }>>(body.paths).flatMap(
    Object.values,
  ))
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403', '503']));
  // A schema without a name of its own is called __schema0 and the like, and so is what a client makes of it.
  for (const name of Object.keys(body.components.schemas)) expect(name).toMatch(/^[A-Z][A-Za-z]+$/);
  const names = body.paths['/orders'].get.parameters.map(({ name }: { name: string }) => name);
  expect(names).toEqual(
    'status fulfillment email since until reference amount session event limit after'.split(' '),
  );
});

test('orders, by the same filters as the list, page by page', async () => {
  const paidOnes = [];
  for (let i = 0; i < 3; i++) paidOnes.push(await shop.paid({ client_reference_id: 'api-list' }));
  const first = as(shapes.orderList, await get('/orders?reference=api-list&limit=2').expect(200));
  const rest = as(shapes.orderList, await get(`/orders?reference=api-list&limit=2&after=${first.next}`));
  expect([...first.orders, ...rest.orders].map(({ id }) => id)).toEqual(
    paidOnes.map(({ order }) => order.id).toReversed(),
  );
  expect(rest.next).toBeNull();
});

test('dates without an offset are meant in UTC, as the document says', async () => {
  const { body } = await get('/openapi.json');
  const described = body.paths['/orders'].get.parameters.find(
    ({ name }: { name: string }) => name === 'since',
  );
  expect(described.description).toMatch(/2026-11-25T18:00 \(UTC\)$/);
  const { id } = await insertOrder(shop.db, { created_at: new Date('2020-05-05T10:00:30Z') });
  for (const [since, until] of [
    ['2020-05-05', '2020-05-06'],
    ['2020-05-05 10:00', '2020-05-05 10:01'],
    ['2020-05-05T10:00:15', '2020-05-05T10:00:45'],
  ]) {
    const { orders } = as(shapes.orderList, await get(`/orders?since=${since}&until=${until}`).expect(200));
    expect(orders.map((order) => order.id)).toEqual([id]);
  }
});

test("a success page's order, at the address that the document gives it", async () => {
  const { body } = await get('/openapi.json').expect(200);
  const [{ url }] = body.paths['/checkout-sessions/{id}/fulfill'].post.servers;
  const { order, session } = await shop.paid();
  const asking = request(shop.service.url).post(`${url}checkout-sessions/${session.id}/fulfill`);
  const found = as(shapes.order, await asking.set('Authorization', `Bearer ${TOKEN}`).expect(200));
  expect(found).toMatchObject({ id: order.id, status: 'paid' });
});

test('an order, whole, by its id, its session and an event of it', async () => {
  shop.receiver.answer = (res) => res.writeHead(500).end();
  const { order, session, event } = await shop.paid();
  for (const id of [order.id, session.id, event.id]) {
    const whole = as(shapes.wholeOrder, await get(`/orders/${id}`).expect(200));
    expect(whole.order.id).toBe(order.id);
    expect(new Set(whole.timeline.map(({ kind }) => kind))).toEqual(
      new Set(['event', 'transition', 'owed', 'items_stored', 'attempt_failed', 'done']),
    );
  }
  shop.receiver.answer = (res) => res.writeHead(204).end();
  const retried = as(shapes.retried, await call('post', `/orders/${order.id}/retry`).expect(200));
  expect(retried).toEqual({ fulfillments: 1, notifications: 0 });
  const { timeline } = as(shapes.wholeOrder, await get(`/orders/${order.id}`));
  expect(timeline.find(({ kind }) => kind === 'action')).toMatchObject({ actor: 'ops', action: 'retry' });
});

test.each([
  {},
  // As curl says unless told.
  { 'content-type': 'application/x-www-form-urlencoded' },
])('a reason is read though its program does not say that it sends JSON: %j', async (headers) => {
  const { id } = await insertOrder(shop.db);
  await insertFulfillment(shop.db, id, { status: 'dead' });
  const answer = await fetch(`${shop.service.url}/ops/api/orders/${id}/close`, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${TOKEN}` },
    body: Buffer.from('{"because":"refunded"}'),
  });
  expect([answer.status, await answer.json()]).toEqual([200, { fulfillments: 1, notifications: 0 }]);
});

test('what a program has refunded is closed by its payment, and all that is dead tried again', async () => {
  shop.receiver.answer = (res) => res.writeHead(500).end();
  const { order, session } = await shop.paid();
  const retried = as(shapes.retried, await call('post', '/retry-dead').expect(200));
  expect(retried.fulfillments).toBeGreaterThan(0);
  await shop.atRest(session.id);
  shop.receiver.answer = (res) => res.writeHead(204).end();
  const close = (body: unknown) =>
    call('post', `/orders/${order.payment_intent_id}/close`).send(body as object);
  for (const [body, message] of [
    [undefined, 'because must be a text.'],
    [{}, 'because must be a text.'],
    [{ because: ' ' }, 'because must not be empty.'],
    [{ because: 'refunded', why: 'twice' }, 'Unrecognized key: "why".'],
  ] as const) {
    const { error } = as(shapes.failure, await close(body).expect(400));
    expect(error).toEqual({ code: 'bad_request', message });
  }
  await call('post', `/orders/${order.id}/close`).type('json').send('{"because":').expect(400);
  const closed = await close({ because: 'refunded' }).expect(200);
  expect(as(shapes.closed, closed)).toEqual({ fulfillments: 1, notifications: 0 });
  const { timeline } = as(shapes.wholeOrder, await get(`/orders/${order.id}`));
  expect(timeline).toContainEqual(
    expect.objectContaining({ kind: 'done', work: 'fulfillment', attempt: null }),
  );
  expect(timeline.filter(({ kind }) => kind === 'action')).toMatchObject([
    { actor: 'ops', action: 'retry' },
    { actor: 'ops', action: 'close', details: { because: 'refunded' } },
  ]);
});

test('events, and one of them whole, and replayed', async () => {
  const { event, order } = await shop.paid();
  const list = as(shapes.eventList, await get('/events?limit=1').expect(200));
  expect(list.events).toMatchObject([{ id: event.id, order_id: order.id, outcome: 'applied' }]);
  const whole = as(shapes.wholeEvent, await get(`/events/${event.id}`).expect(200));
  expect(whole.payload).toEqual(event);
  const replayed = as(shapes.replayed, await call('post', `/events/${event.id}/replay`).expect(200));
  expect(replayed).toMatchObject({ outcome: 'stale', order_id: order.id, moved_to: null });
});

test('ids with hyphens, as a stand-in makes them of UUIDs, are ids like others', async () => {
  const session = shop.checkout({ id: `cs_test_${randomUUID()}` });
  const event = { ...events.completedPaid(session), id: `evt_${randomUUID()}` };
  await shop.service.deliver(event);
  const { order } = await shop.atRest(session.id);
  for (const id of [session.id, event.id]) {
    expect(as(shapes.wholeOrder, await get(`/orders/${id}`).expect(200)).order.id).toBe(order.id);
    await request(shop.service.url)
      .get(`/ops/find?q=${id}`)
      .set('Authorization', `Bearer ${TOKEN}`)
      .expect(303, /orders\/\d+/);
  }
  const { orders } = as(shapes.orderList, await get(`/orders?session=${session.id}`).expect(200));
  expect(orders.map(({ id }) => id)).toEqual([order.id]);
  as(shapes.replayed, await call('post', `/events/${event.id}/replay`).expect(200));
  const { next } = as(shapes.eventList, await get('/events?limit=1').expect(200));
  expect(next).toContain(event.id);
  await get(`/events?after=${next}`).expect(200);
  await request(shop.service.url)
    .post(`/checkout-sessions/${session.id}/fulfill`)
    .set('Authorization', `Bearer ${TOKEN}`)
    .expect(200);
});

describe('refusals say what is wrong', () => {
  test.each([
    [
      '/orders?amount=much&limit=1000',
      400,
      'bad_request',
      /^amount must be like .+; limit must be a whole number from 1 to 500\.$/,
    ],
    ['/orders?after=x', 400, 'bad_request', /^after must be/],
    ['/orders?status=paid&status=failed', 400, 'bad_request', /^status /],
    ['/orders?statsu=paid', 400, 'bad_request', /^Unrecognized key: "statsu"\.$/],
    ['/events?outcmoe=conflict', 400, 'bad_request', /^Unrecognized key: "outcmoe"\.$/],
    ['/events?outcome=applied', 400, 'bad_request', /^outcome must be conflict\.$/],
    ['/orders?email=', 400, 'bad_request', /^email must not be empty\.$/],
    [`/orders?email=${'a'.repeat(501)}`, 400, 'bad_request', /^email must have 500 characters at most\.$/],
    ['/orders/999999', 404, 'not_found', /There is no order 999999/],
    ['/orders/jenny', 404, 'not_found', /neither/],
    ['/events/evt_none', 404, 'not_found', /There is no event/],
    ['/nothing', 404, 'not_found', /nothing here/],
  ])('%s: %i', async (path, status, code, words) => {
    const answer = await get(path);
    const { error } = as(shapes.failure, answer);
    expect([answer.status, error.code, error.message]).toEqual([status, code, expect.stringMatching(words)]);
  });

  test('an event that no order is about names none: 404', async () => {
    const id = await recordEvent(shop.db, events.completedPaid(shop.checkout()), { livemode: true });
    const answer = await get(`/orders/${id}`).expect(404);
    expect(as(shapes.failure, answer).error.message).toBe(`There is no order of ${id}.`);
  });

  test('an event that another configuration kept, and whose session can not be read: 400', async () => {
    const event = events.completedPaid(shop.checkout({ amount_total: 64.98 }));
    await recordEvent(shop.db, event, { livemode: true });
    const answer = await call('post', `/events/${event.id}/replay`).expect(400);
    expect(as(shapes.failure, answer).error.code).toBe('session_unreadable');
    const { body } = await get('/openapi.json');
    expect(body.paths['/events/{id}/replay'].post.responses).toHaveProperty('400');
    const page = await request(shop.service.url)
      .get(`/ops/events/${event.id}`)
      .set('Authorization', `Bearer ${TOKEN}`)
      .expect(200);
    expect(page.text).toContain('checkout session can&#39;t be read: amount_total');
  });

  test('a payload that was emptied: 409', async () => {
    const { event } = await shop.paid();
    await shop.db('stripe_events').where({ id: event.id }).update({ payload: null });
    expect(as(shapes.wholeEvent, await get(`/events/${event.id}`)).payload).toBeNull();
    const answer = await call('post', `/events/${event.id}/replay`).expect(409);
    expect(as(shapes.failure, answer).error.code).toBe('payload_gone');
  });

  test('a change with the session of a browser, even with the token of its forms: 403, and nothing is done', async () => {
    const { order } = await shop.paid();
    const { cookie, formToken } = await logIn(shop.service.url, TOKEN);
    const retry = () =>
      request(shop.service.url).post(`/ops/api/orders/${order.id}/retry`).set('Cookie', cookie);
    const answers = [await retry(), await retry().type('form').send({ form_token: formToken })];
    for (const answer of answers) {
      expect([answer.status, as(shapes.failure, answer).error]).toEqual([
        403,
        { code: 'forbidden', message: expect.stringContaining('OPS_TOKEN') },
      ]);
    }
    expect(await shop.db('ops_actions').where({ subject: String(order.id) })).toEqual([]);
  });

  test('without the token: 401', async () => {
    const answer = await request(shop.service.url).get('/ops/api/orders').expect(401);
    expect(as(shapes.failure, answer).error.code).toBe('unauthorized');
  });
});
