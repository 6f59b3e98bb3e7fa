import type { ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { beforeEach, expect, test } from '@jest/globals';
import { deliver } from '../../src/sandbox/deliver.ts';
import { sessionEvent } from '../../src/sandbox/events.ts';
import type { Session } from '../../src/sandbox/session-object.ts';
import { verifyEvent } from '../../src/stripe/signature.ts';
import { serve } from '../support/http.ts';

const secret = 'whsec_test';
const event = sessionEvent('checkout.session.completed', {
  id: 'cs_test_1',
  object: 'checkout.session',
} as Session);

let answers: ((res: ServerResponse) => void)[];
let ids: string[];
beforeEach(() => {
  ids = [];
});

const origin = await serve(async (req, res) => {
  const signature = req.headers['stripe-signature'] as string;
  const { event } = verifyEvent(Buffer.from(await text(req)), signature, [secret]);
  ids.push(event.id);
  answers.shift()?.(res);
});
const url = `${origin}/webhook`;

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
