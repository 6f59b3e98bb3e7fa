import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { openPool } from '../../src/db/knex.ts';
import { createApp } from '../../src/http/app.ts';
import { listen } from '../../src/http/server.ts';
import { webhookListener } from '../../src/http/webhook.ts';
import { type Ledger, openLedger } from '../../src/orders/ledger.ts';
import { connectTo, exchange } from '../hostile/socket.ts';
import { contentsOf, createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';
import { checkoutSession, events, SECRET, signatureOf, stripeEvent } from '../support/stripe-events.ts';

const { db, url } = await createTestDatabase();
const OLD_SECRET = 'whsec_rolled_out';

function appWith(record: Ledger): RequestListener {
  const dependencies = { record, secrets: [OLD_SECRET, SECRET], livemode: false, log: silent };
  return webhookListener(dependencies, createApp([], silent));
}

function appOn(databaseUrl: string) {
  const pool = openPool(databaseUrl, { kind: 'web', max: 5, log: silent });
  return { app: appWith(openLedger(pool)), close: () => pool.destroy() };
}

async function withApp<T>(databaseUrl: string, work: (app: RequestListener) => Promise<T>): Promise<T> {
  const { app, close } = appOn(databaseUrl);
  try {
    return await work(app);
  } finally {
    await close();
  }
}

/** Posts bytes as they are: what is signed is what is sent. */
function post(app: RequestListener, body: string | Buffer, signature?: string, path = '/webhook') {
  const sent = request(app).post(path).set('Content-Type', 'application/json; charset=utf-8');
  if (signature !== undefined) sent.set('Stripe-Signature', signature);
  return sent.serialize((raw) => raw).send(body as string);
}

const event = () => JSON.stringify(events.completedPaid(checkoutSession()));

describe('200 {"received":true}', () => {
  test('for an event, its repeat, and one of a later event id, with one order to show for them', () =>
    withApp(url, async (app) => {
      const session = checkoutSession();
      const first = JSON.stringify(events.completedPaid(session));
      const later = JSON.stringify(events.completedPaid(session));
      for (const payload of [first, first, later]) {
        const answer = await post(app, payload, signatureOf(payload));
        expect([answer.status, answer.body]).toEqual([200, { received: true }]);
      }
      const orders = await db('orders').where({ checkout_session_id: session.id });
      expect(orders).toMatchObject([{ status: 'paid' }]);
      expect(await db('fulfillments').where({ order_id: orders[0].id })).toHaveLength(1);
      expect(await db('stripe_events').where({ checkout_session_id: session.id })).toHaveLength(2);
    }));

  test('signed with any of the configured secrets', () =>
    withApp(url, async (app) => {
      const payload = event();
      await post(app, payload, signatureOf(payload, { secret: OLD_SECRET })).expect(200);
      await post(app, payload, signatureOf(payload, { secret: SECRET })).expect(200);
    }));

  test('with a query string, as while Stripe upgrades the API version', () =>
    withApp(url, async (app) => {
      const payload = event();
      await post(app, payload, signatureOf(payload), '/webhook?version=2026-10-28.endive').expect(200);
    }));

  test.each(['/webhook/', '/Webhook'])('at the address as a person may write it: %s', (path) =>
    withApp(url, async (app) => {
      const payload = event();
      await post(app, payload, signatureOf(payload), path).expect(200);
    }),
  );

  test('with the whole URL in the request line, as a proxy may write it', () =>
    withApp(url, async (app) => {
      const payload = event();
      const head = `Host: pay.example\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(payload)}\r\nStripe-Signature: ${signatureOf(payload)}`;
      const whole = `POST http://pay.example/webhook?a HTTP/1.1\r\n${head}\r\n\r\n${payload}`;
      const server = await listen(app, { host: '127.0.0.1', port: 0 });
      const { statuses } = await exchange(server.url, { pieces: [whole], whole: true });
      await server.close();
      expect(statuses).toEqual([200]);
    }));

  test('for an event type that nobody handles, recorded as ignored', () =>
    withApp(url, async (app) => {
      const ignored = stripeEvent('invoice.paid', { id: 'in_1', object: 'invoice' });
      const payload = JSON.stringify(ignored);
      await post(app, payload, signatureOf(payload)).expect(200, { received: true });
      expect(await db('stripe_events').where({ id: ignored.id })).toMatchObject([{ outcome: 'ignored' }]);
    }));

  test('for a ping, of which nothing is kept', () =>
    withApp(url, async (app) => {
      const ping = JSON.stringify({
        object: 'v2.core.event',
        id: 'evt_test_ping',
        type: 'v2.core.event_destination.ping',
        related_object: { type: 'v2.core.event_destination', id: 'ed_test_1' },
      });
      const before = await contentsOf(db);
      await post(app, ping, signatureOf(ping)).expect(200, { received: true });
      await post(app, ping, signatureOf(ping, { secret: 'whsec_x' })).expect(400);
      expect(await contentsOf(db)).toEqual(before);
    }));

  test('for a body of exactly 1 MiB', () =>
    withApp(url, async (app) => {
      const padded = (length: number) => JSON.stringify({ ...JSON.parse(small), pad: 'x'.repeat(length) });
      const small = event();
      const payload = padded(1024 * 1024 - padded(0).length);
      expect(payload).toHaveLength(1024 * 1024);
      await post(app, payload, signatureOf(payload)).expect(200);
    }));
});

describe('refused, with nothing kept', () => {
  const payload = event();
  const valid = signatureOf(payload);
  const old = signatureOf(payload, { timestamp: Math.floor(Date.now() / 1_000) - 400 });

  test.each<[string, number, string, string | Buffer, string | undefined]>([
    ['no signature', 400, 'signature_missing', payload, undefined],
    [
      'a signature of another secret',
      400,
      'signature_invalid',
      payload,
      signatureOf(payload, { secret: 'whsec_x' }),
    ],
    ['an old signature', 400, 'signature_expired', payload, old],
    ['an altered body', 400, 'signature_invalid', payload.replace('6498', '0001'), valid],
    ['an empty body', 400, 'signature_invalid', '', valid],
    ['a signed body that is no event', 400, 'not_an_event', '{}', signatureOf('{}')],
    ['a signed body that is no JSON', 400, 'not_an_event', '{', signatureOf('{')],
    ['a body above 1 MiB', 413, 'body_too_large', 'x'.repeat(1024 * 1024 + 1), valid],
  ])('%s: %i %s', (_case, status, code, body, signature) =>
    withApp(url, async (app) => {
      const before = await contentsOf(db);
      const answer = await post(app, body, signature);
      expect(answer.status).toBe(status);
      expect(answer.body).toEqual({ error: { code, message: expect.any(String) } });
      expect(answer.headers['content-type']).toMatch('application/json');
      expect(await contentsOf(db)).toEqual(before);
    }),
  );

  test('one byte of an event changed, wherever it is, or one character of its signature', () =>
    withApp(url, async (app) => {
      const before = await contentsOf(db);
      const bytes = Buffer.from(payload);
      for (let at = 0; at < bytes.length; at += 40) {
        const altered = Buffer.from(bytes);
        altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
        await post(app, altered, valid).expect(400);
      }
      for (let at = 0; at < valid.length; at += 1) {
        const other = valid[at] === '1' ? '2' : '1';
        await post(app, bytes, valid.slice(0, at) + other + valid.slice(at + 1)).expect(400);
      }
      expect(await contentsOf(db)).toEqual(before);
    }));

  test.each([
    [
      'in a session',
      'checkout.session.completed',
      'session_unreadable',
      /metadata: is nested more than 100 levels/,
    ],
    ['in an event that nobody handles', 'invoice.paid', 'event_unstorable', /SQLSTATE 54001/],
  ])('nesting without end %s', (_case, type, code, reason) =>
    withApp(url, async (app) => {
      const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
      const bottomless = JSON.stringify(stripeEvent(type, checkoutSession({ metadata: 'deep' })));
      const payload = bottomless.replace('"deep"', deep);
      const before = await contentsOf(db);
      const answer = await post(app, payload, signatureOf(payload));
      expect([answer.status, answer.body.error.code]).toEqual([400, code]);
      expect(answer.body.error.message).toMatch(reason);
      expect(await contentsOf(db)).toEqual(before);
    }),
  );

  test('a compressed body, which Stripe never sends', () =>
    withApp(url, async (app) => {
      const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024));
      const sent = request(app)
        .post('/webhook')
        .set('Content-Encoding', 'gzip')
        .set('Stripe-Signature', valid);
      const answer = await sent.serialize((raw) => raw).send(bomb as unknown as string);
      expect([answer.status, answer.body.error.code]).toEqual([400, 'bad_request']);
    }));

  test('a body above 1 MiB before it comes; it is read all the same before the connection ends', () =>
    withApp(url, async (app) => {
      const server = await listen(app, { host: '127.0.0.1', port: 0 });
      const socket = connectTo(server.url);
      const length = 4 * 1024 * 1024;
      socket.write(
        `POST /webhook HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`,
      );
      const [answer] = await once(socket, 'data');
      const { promise: taken, resolve } = Promise.withResolvers<Error | null | undefined>();
      socket.write(Buffer.alloc(length), resolve);
      const error = await taken;
      await server.close();
      expect(String(answer)).toMatch(/^HTTP\/1\.1 413 /);
      expect(error ?? null).toBeNull();
    }));

  test('large bodies, one after another: each gives its room back', () =>
    withApp(url, async (app) => {
      // Together they are more than there is room for.
      for (let n = 0; n < 70; n += 1) await post(app, 'x'.repeat(1024 * 1024), valid).expect(400);
    }));

  test.each(['get', 'put', 'patch', 'delete', 'options'] as const)('%s: 405 with Allow', (method) =>
    withApp(url, async (app) => {
      const answer = await request(app)[method]('/webhook');
      expect([answer.status, answer.headers.allow]).toEqual([405, 'POST']);
      expect(answer.body).toEqual({ error: { code: 'method_not_allowed', message: expect.any(String) } });
    }),
  );

  test('another path: 404 as JSON', () =>
    withApp(url, async (app) => {
      for (const answer of [await request(app).get('/nothing'), await post(app, payload, valid, '/webhooks')])
        expect([answer.status, answer.body.error.code]).toEqual([404, 'not_found']);
    }));
});

describe('503 with Retry-After, within 5 s', () => {
  function expectUnavailable(answer: request.Response, startedAt: number) {
    expect([answer.status, answer.body.error.code]).toEqual([503, 'unavailable']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(JSON.stringify(answer.body)).not.toMatch(/ECONN|postgres|lock|timeout|127\.0/i);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  }

  test('when no database answers', () =>
    withApp('postgres://nobody@127.0.0.1:1/none', async (app) => {
      const payload = event();
      const startedAt = performance.now();
      expectUnavailable(await post(app, payload, signatureOf(payload)), startedAt);
    }));

  test('when the tables are locked, of which nothing is kept, and 200 for the redelivery once they are not; or when no commit ends', () =>
    withApp(url, async (app) => {
      const stuck = appWith(() => new Promise(() => {}));
      const lock = await db.transaction();
      await lock.raw('lock table orders in access exclusive mode');
      const payloads = Array.from({ length: 60 }, event);
      const startedAt = performance.now();
      const refused = async (one: RequestListener, payload: string) =>
        expectUnavailable(await post(one, payload, signatureOf(payload)), startedAt);
      await Promise.all([refused(stuck, event()), ...payloads.map((payload) => refused(app, payload))]);
      const { rows } = await lock.raw('select clock_timestamp() as unlocked_at');
      await lock.rollback();

      for (const payload of payloads)
        expect((await post(app, payload, signatureOf(payload))).status).toBe(200);
      const ids = payloads.map((payload) => JSON.parse(payload).data.object.id);
      expect(await db('orders').whereIn('checkout_session_id', ids)).toHaveLength(60);
      const kept = await db('stripe_events')
        .where('received_at', '<', rows[0].unlocked_at)
        .pluck('checkout_session_id');
      expect(kept.filter((id) => ids.includes(id))).toEqual([]);
    }));
});
