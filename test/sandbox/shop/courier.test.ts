import { text } from 'node:stream/consumers';
import { beforeEach, expect, test } from '@jest/globals';
import { openEvents, sessionEvent } from '../../../src/sandbox/events.ts';
import type { Session } from '../../../src/sandbox/session-object.ts';
import { openCourier } from '../../../src/sandbox/shop/courier.ts';
import { openJournal } from '../../../src/sandbox/shop/journal.ts';
import type { TroubleName } from '../../../src/sandbox/shop/trouble.ts';
import { verifyEvent } from '../../../src/stripe/signature.ts';
import { serve } from '../../support/http.ts';
import { silent } from '../../support/log.ts';
import { scratchDir } from '../../support/scratch-dir.ts';

const secret = 'whsec_of_this_shop';
const sessionId = 'cs_test_a1';
const event = sessionEvent('checkout.session.completed', {
  id: sessionId,
  object: 'checkout.session',
} as Session);

/** What the service was sent: whether its signature was right. And what it answers, 200 unless told. */
let deliveries: boolean[];
let answers: number[];
const url = await serve(async (req, res) => {
  const body = Buffer.from(await text(req));
  let right = true;
  try {
    verifyEvent(body, req.headers['stripe-signature'] as string, [secret]);
  } catch {
    right = false;
  }
  deliveries.push(right);
  res.writeHead(right ? (answers.shift() ?? 200) : 400).end();
});
const events = await openEvents(await scratchDir());

beforeEach(() => {
  deliveries = [];
  answers = [];
});

async function send(...names: TroubleName[]) {
  const journal = openJournal();
  journal.episode(sessionId).trouble = new Set(names);
  const courier = openCourier({ events, journal, log: silent, againAfterMs: 1 });
  await courier.send(event, { url, secret });
  return journal.episode(sessionId).deeds.map(({ words, tone }) => [tone, words.replace(event.type, 'It')]);
}

const good = ['good', 'It was delivered. The service answered 200.'];

test('without trouble an event is delivered once, and acknowledged', async () => {
  expect(await send()).toEqual([good]);
  expect(deliveries).toEqual([true]);
  expect(await events.find(event.id)).toMatchObject({ pending_webhooks: 0 });
});

test('what is not acknowledged is delivered again, until it is', async () => {
  answers = [503, 500];
  expect(await send()).toEqual([
    ['bad', 'It was delivered. The service answered 503 .'],
    ['bad', 'It was delivered. The service answered 500 .'],
    good,
  ]);
});

test('an event that is never acknowledged stays undelivered at Stripe', async () => {
  answers = Array(10).fill(500);
  await send();
  expect(deliveries).toHaveLength(5);
  expect(await events.find(event.id)).toMatchObject({ pending_webhooks: 1 });
});

test('twice', async () => {
  expect(await send('twice')).toEqual([good, good]);
});

test('lost, and then twice', async () => {
  expect(await send('lose', 'twice')).toEqual([['bad', 'A delivery of It was lost on its way.'], good, good]);
});

test('with a wrong signature first', async () => {
  const [refused, ...rest] = await send('forge');
  expect(refused?.[1]).toMatch(/signed with a wrong secret, was delivered. The service answered 400/);
  expect(rest).toEqual([good]);
  expect(deliveries).toEqual([false, true]);
});

test('a courier that is stopped delivers nothing more', async () => {
  const journal = openJournal();
  journal.episode(sessionId).trouble = new Set(['delay']);
  const courier = openCourier({ events, journal, log: silent, againAfterMs: 1 });
  const sending = courier.send(event, { url, secret });
  courier.stop();
  await sending;
  expect(deliveries).toEqual([]);
});
