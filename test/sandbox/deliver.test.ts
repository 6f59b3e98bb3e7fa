import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { deliver } from '../../src/sandbox/deliver.ts';
import { sessionEvent } from '../../src/sandbox/events.ts';
import type { Session } from '../../src/sandbox/session-object.ts';
import { verifyEvent } from '../../src/stripe/signature.ts';

const secret = 'whsec_test';
const event = sessionEvent('checkout.session.completed', {
  id: 'cs_test_1',
  object: 'checkout.session',
} as Session);

let answers: ((res: ServerResponse) => void)[];
let ids: string[];
let server: Server;
let url: string;

beforeEach(async () => {
  ids = [];
  server = createServer(async (req: IncomingMessage, res: ServerResponse) => {
    const { event } = verifyEvent(Buffer.from(await text(req)), req.headers['stripe-signature'] as string, [
      secret,
    ]);
    ids.push(event.id);
    answers.shift()?.(res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const status =
  (code: number, headers = {}) =>
  (res: ServerResponse) => {
    res.writeHead(code, headers).end('why');
  };

test('an event that is taken is delivered once', async () => {
  answers = [status(200)];
  await deliver(event, { url, secret });
  expect(ids).toEqual([event.id]);
});

test('a 503 or a broken connection means again, with the same event', async () => {
  answers = [status(503), (res) => res.destroy(), status(200)];
  await deliver(event, { url, secret });
  expect(ids).toEqual([event.id, event.id, event.id]);
});

test('Retry-After is heard', async () => {
  answers = [status(503, { 'Retry-After': '1' }), status(200)];
  const began = performance.now();
  await deliver(event, { url, secret });
  expect(performance.now() - began).toBeGreaterThan(990);
});

test.each([400, 302, 500])('a %d is reported', async (code) => {
  answers = [status(code)];
  await expect(deliver(event, { url, secret })).rejects.toThrow(
    `checkout.session.completed was not taken: ${code} why`,
  );
  expect(ids).toEqual([event.id]);
});
