import { getEventListeners, once } from 'node:events';
import { globalAgent, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { text as bodyOf } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { httpFulfiller, retryAfterMs } from '../../src/fulfillment/http-fulfiller.ts';
import type { LineItem, Order } from '../../src/orders/order.ts';
import { closedUrl, serve } from '../support/http.ts';
import { FULFILLMENT_SECRET, startReceiver } from '../support/receiver.ts';
import { serveTls, trustTls } from '../support/tls.ts';
import { until } from '../support/until.ts';

const paidAt = new Date('2026-10-28T12:00:00.123Z');
const paid = {
  order: {
    id: 7,
    checkout_session_id: 'cs_7',
    status: 'paid',
    amount_total: 2 ** 53 - 1,
    paid_at: paidAt,
    customer_name: 'Zoë 🎈',
  } as Order,
  lineItems: [{ stripe_line_item_id: 'li_1', quantity: 2 } as LineItem],
  idempotencyKey: 'cs_7',
};
const never = new AbortController().signal;
const receiver = await startReceiver();
const elsewhere = await startReceiver();
const fulfil = (url = receiver.url, timeoutMs = 5_000) =>
  httpFulfiller({ url, secret: FULFILLMENT_SECRET, timeoutMs })(paid, never);

beforeEach(() => {
  globalAgent.destroy();
  for (const { calls } of [receiver, elsewhere]) calls.length = 0;
  receiver.answer = (res) => res.writeHead(204).end();
});

test('POSTs the order, signed so that the Standard Webhooks package accepts it', async () => {
  await fulfil();
  const [call] = receiver.calls;
  expect(call).toMatchObject({ id: 'cs_7', idempotencyKey: 'cs_7' });
  expect(call?.body).toEqual({
    type: 'order.paid',
    timestamp: '2026-10-28T12:00:00.123Z',
    data: { order: { ...paid.order, paid_at: '2026-10-28T12:00:00.123Z' }, line_items: paid.lineItems },
  });
});

const asked: IncomingMessage[] = [];
const bodies: string[] = [];
const anything = await serve(async (req, res) => {
  asked.push(req);
  bodies.push(await bodyOf(req));
  res.end();
});

test('says in its headers what it sends and who it is', async () => {
  const before = Math.floor(Date.now() / 1_000);
  await fulfil(`${anything}/orders?shop=7`);
  const [{ method, url: path, headers } = {} as IncomingMessage] = asked;
  expect([method, path]).toEqual(['POST', '/orders?shop=7']);
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(bodies[0] ?? '')),
    'user-agent': 'checkout-fulfillment',
    'webhook-id': 'cs_7',
    'idempotency-key': 'cs_7',
  });
  const timestamp = Number(headers['webhook-timestamp']);
  expect(timestamp).toBeGreaterThanOrEqual(before);
  expect(timestamp).toBeLessThanOrEqual(Date.now() / 1_000);
});

test('a repeat has the same id and the same body', async () => {
  await fulfil();
  await fulfil();
  const [first, second] = receiver.calls;
  expect([second?.id, second?.text]).toEqual([first?.id, first?.text]);
});

describe('is not fulfilled by', () => {
  test.each([300, 400, 401, 410, 429, 500, 503])('an answer of %i', async (status) => {
    receiver.answer = (res) => res.writeHead(status).end();
    await expect(fulfil()).rejects.toThrow(`the receiver answered ${status}`);
  });

  test.each([301, 302, 303, 307, 308])('a redirect (%i), which is not followed', async (status) => {
    const location = elsewhere.url;
    receiver.answer = (res) => res.writeHead(status, { location }).end();
    await expect(fulfil()).rejects.toThrow(`the receiver answered ${status}`);
    expect([receiver.calls.length, elsewhere.calls.length]).toEqual([1, 0]);
  });

  test.each([
    ['a head without end', 'HTTP/1.1 200 OK\r\n', 'X-More: and more\r\n', /Header overflow/],
    [
      'one interim answer after the other',
      '',
      'HTTP/1.1 100 Continue\r\n\r\n',
      /more than 100 interim answers/,
    ],
    [
      'another protocol',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n',
      'x',
      /answered 101/,
    ],
    ['what is no HTTP', 'OK\r\n\r\n', 'x', /Parse Error/],
  ])('%s', async (_case, begin, again, reason) => {
    receiver.answer = (res) => sendWithoutEnd(res.socket as Socket, begin, again);
    await expect(fulfil(receiver.url, 2_000)).rejects.toThrow(reason);
  });

  test('no answer within the timeout', async () => {
    receiver.answer = () => {};
    await expect(fulfil(receiver.url, 100)).rejects.toThrow(/no answer from the receiver: .*timeout/);
  });

  test('a broken connection', async () => {
    receiver.answer = (res) => res.destroy();
    await expect(fulfil()).rejects.toThrow('no answer from the receiver');
  });

  test('a connection that ends without an answer', async () => {
    receiver.answer = (res) => res.socket?.end();
    await expect(fulfil()).rejects.toThrow('no answer from the receiver');
  });

  test('an upgrade to another protocol', async () => {
    receiver.answer = (res) =>
      res.socket?.write('HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    await expect(fulfil()).rejects.toThrow(/no answer from the receiver: .*closed without an answer/);
  });

  test('nobody there', async () => {
    await expect(fulfil(await closedUrl())).rejects.toThrow(/no answer from the receiver: .*ECONNREFUSED/);
  });

  test('a port that speaks no TLS', async () => {
    await expect(fulfil(receiver.url.replace('http:', 'https:'))).rejects.toThrow(
      /^no answer from the receiver: (write EPROTO )?TLS: wrong version number$/,
    );
  });
});

test.each([200, 201, 202, 204, 299])('is fulfilled by an answer of %i', async (status) => {
  receiver.answer = (res) => res.writeHead(status).end();
  await fulfil();
});

test('is fulfilled by an answer that interim ones come before', async () => {
  receiver.answer = (res) => {
    res.writeProcessing();
    res.writeEarlyHints({ link: '</a>' });
    res.writeHead(204).end();
  };
  await fulfil();
});

describe('a connection that was kept open', () => {
  /** Node's own says for how long: `Keep-Alive: timeout=5`. */
  const forAnyTime = { connection: 'keep-alive' };

  /** A connection's first call is answered 204, the next as told. */
  function answerAgain(answer: (res: ServerResponse) => unknown, headers: object = forAnyTime): void {
    const used = new WeakSet<Socket>();
    receiver.answer = (res) => {
      const socket = res.socket as Socket;
      if (used.has(socket)) return answer(res);
      used.add(socket);
      return res.writeHead(204, { ...headers }).end();
    };
  }

  test('and is closed as it is used again costs no attempt', async () => {
    answerAgain((res) => res.destroy());
    await fulfil();
    await fulfil();
    const [, unanswered, again, ...more] = receiver.calls;
    expect([again?.id, again?.text, more]).toEqual([unanswered?.id, unanswered?.text, []]);
  });

  test('for a time that was told, and breaks within it, is no reason to call again', async () => {
    answerAgain((res) => res.destroy(), {});
    await fulfil();
    await expect(fulfil()).rejects.toThrow('no answer from the receiver: socket hang up');
    expect(receiver.calls).toHaveLength(2);
  });

  test('and gives no answer is no reason to call again', async () => {
    answerAgain(() => {});
    await fulfil();
    await expect(fulfil(receiver.url, 300)).rejects.toThrow('timeout of 300 ms');
    expect(receiver.calls).toHaveLength(2);
  });

  test('and is closed late leaves the next one what is left of the time', async () => {
    let calls = 0;
    receiver.answer = (res) => {
      calls += 1;
      if (calls === 1) res.writeHead(204, forAnyTime).end();
      if (calls === 2) setTimeout(() => res.destroy(), 50);
    };
    await fulfil();
    const { message } = await fulfil(receiver.url, 2_000).catch((error) => error);
    expect(calls).toBe(3);
    expect(Number(/timeout of (\d+) ms/.exec(message)?.[1])).toBeLessThan(2_000);
  });

  test('and breaks after the head of an answer is no reason to call again', async () => {
    const answered = Promise.withResolvers<ServerResponse>();
    answerAgain((res) => {
      res.writeHead(200, { 'content-length': '1000' }).write('half of i');
      answered.resolve(res);
    });
    await fulfil();
    await fulfil();
    (await answered.promise).socket?.resetAndDestroy();
    await fulfil();
    await fulfil(elsewhere.url);
    expect(receiver.calls).toHaveLength(3);
  });
});

describe('is fulfilled by any 2xx, whatever follows in the body', () => {
  const head = 'HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\n';

  test('nothing more: the connection is closed when the time for an answer is over', async () => {
    const closed = Promise.withResolvers<void>();
    receiver.answer = ({ socket }) => {
      socket?.once('close', closed.resolve).write(head);
    };
    await fulfil(receiver.url, 1_000);
    await closed.promise;
  });

  test('a body without end: it is read for a bit, and no longer', async () => {
    const sent = Promise.withResolvers<number>();
    receiver.answer = async ({ socket }) => {
      await sendWithoutEnd(socket as Socket, head, 'and more, ');
      sent.resolve((socket as Socket).bytesWritten);
    };
    await fulfil(receiver.url, 20_000);
    // What the kernel buffers on the way counts as sent.
    expect(await sent.promise).toBeLessThan(30 * 1024 * 1024);
  });

  test('bytes one by one: some hundred are read, and no more', async () => {
    const sent = Promise.withResolvers<number>();
    receiver.answer = async ({ socket }) => {
      socket?.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      let pieces = 0;
      for (; pieces < 20_000 && socket?.writable; pieces += 1) {
        socket.write('1\r\nb\r\n');
        await turnOfTheLoop();
      }
      sent.resolve(pieces);
    };
    await fulfil(receiver.url, 60_000);
    expect(await sent.promise).toBeLessThan(20_000);
  });

  test('half of what was announced', async () => {
    receiver.answer = (res) => {
      res.writeHead(200, { 'content-length': '1000' }).write('half of i', () => res.destroy());
    };
    await fulfil();
  });
});

const overTls: IncomingMessage[] = [];
const secured = await serveTls((req, res) => {
  overTls.push(req);
  res.end();
});

test('over TLS it goes to a receiver whose certificate is trusted, and to no other', async () => {
  await expect(fulfil(secured)).rejects.toThrow(/no answer from the receiver: self-signed certificate/);
  expect(overTls).toEqual([]);
  using _ = trustTls();
  await fulfil(secured);
  expect(overTls).toHaveLength(1);
});

/** Goes on for as long as the other side takes it. */
async function sendWithoutEnd(socket: Socket, begin: string, again: string): Promise<void> {
  const piece = again.repeat(10_000);
  const endless = function* () {
    yield begin;
    for (;;) yield piece;
  };
  await pipeline(Readable.from(endless()), socket).catch(() => {});
}

describe('the stop signal', () => {
  const call = (signal: AbortSignal) =>
    httpFulfiller({ url: receiver.url, secret: FULFILLMENT_SECRET, timeoutMs: 60_000 })(paid, signal);

  test('breaks a call off', async () => {
    const abort = new AbortController();
    receiver.answer = () => abort.abort();
    await expect(call(abort.signal)).rejects.toThrow(/abort/);
  });

  test('that has been given already lets no call begin', async () => {
    await expect(call(AbortSignal.abort())).rejects.toThrow(/abort/);
    expect(receiver.calls).toEqual([]);
  });

  test('is let go after the call', async () => {
    const { signal } = new AbortController();
    await call(signal);
    await until('nobody listens', () => getEventListeners(signal, 'abort').length === 0);
  });
});

test('an https receiver is spoken to in TLS', async () => {
  const firstBytes: number[] = [];
  await using server = createServer((socket) => {
    socket
      .on('error', () => {})
      .once('data', (bytes) => {
        firstBytes.push(bytes[0] as number);
        socket.destroy();
      });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  await expect(fulfil(`https://127.0.0.1:${port}/orders`)).rejects.toThrow('no answer from the receiver');
  // A record of type 22: a handshake.
  expect(firstBytes).toEqual([22]);
});

test('Retry-After is carried along, as seconds or as a date', async () => {
  receiver.answer = (res) => res.writeHead(503, { 'retry-after': '120' }).end();
  await expect(fulfil()).rejects.toMatchObject({ retryAfterMs: 120_000 });

  const now = new Date('2026-11-01T00:00:00Z');
  expect(retryAfterMs('Sun, 01 Nov 2026 00:00:30 GMT', now)).toBe(30_000);
  expect(retryAfterMs('Sun, 01 Nov 2026 00:00:30 +0000', now)).toBe(30_000);
  expect(retryAfterMs('01 Nov 2026 00:00:30 GMT', now)).toBe(30_000);
  expect(retryAfterMs('Sat, 31 Oct 2026 00:00:00 GMT', now)).toBe(0);
  for (const nonsense of [null, '', 'soon', '-5', '1e9999']) expect(retryAfterMs(nonsense, now)).toBe(0);
});
