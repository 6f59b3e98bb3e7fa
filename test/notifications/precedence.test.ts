import type { ServerResponse } from 'node:http';
import { afterAll, expect, test } from '@jest/globals';
import { mailPlaces } from '../../src/notifications/places.ts';
import { startMailServer } from '../support/mail-server.ts';
import { insertOrder } from '../support/orders.ts';
import { oweOrders } from '../support/owed.ts';
import { startSurroundings } from '../support/process.ts';
import { startTestService } from '../support/service.ts';
import { lineItem } from '../support/stripe-api.ts';
import { until } from '../support/until.ts';

/** Mails that the server is about to take. */
const held: (() => void)[] = [];
let holding = true;
const mailServer = await startMailServer(async () => {
  if (!holding) return;
  await new Promise<void>((resolve) => held.push(resolve));
});

const { db, stripe, receiver, env } = await startSurroundings();
const answers: ServerResponse[] = [];
receiver.answer = (res) => answers.push(res);

/** Owed before the service starts: its worker is behind from its first look, before there is any mail. */
const ORDERS = 30;
await oweOrders(db, stripe, ORDERS, [lineItem(1)]);

const service = await startTestService({
  ...env,
  FULFILLMENT_CONCURRENCY: '2',
  SMTP_URL: mailServer.url,
  MAIL_FROM: 'shop@example.com',
});
afterAll(async () => {
  holding = false;
  for (const take of held) take();
  await service.stop();
});

const MAILS = 20;

test('while paid orders wait for a place mails wait as well; then they go side by side', async () => {
  await until('all places are taken', () => answers.length === 2);
  for (let n = 0; n < MAILS; n += 1) {
    const { id } = await insertOrder(db, { status: 'failed' });
    await db('notifications').insert({ order_id: id, kind: 'payment_failed' });
  }
  const since = performance.now();
  await until('the workers have looked twice', () => performance.now() - since > 2_000);
  expect(held).toEqual([]);

  receiver.answer = (res) => res.writeHead(204).end();
  for (const res of answers) res.writeHead(204).end();
  await until('every order is fulfilled', async () => {
    const fulfilled = await db('fulfillments').where({ status: 'fulfilled' });
    return fulfilled.length === ORDERS;
  });
  await until('five mails at a time', () => held.length === 5);
});

test.each([
  [0, 5],
  [0.001, 0],
  [59_999, 0],
  [60_000, 1],
  [86_400_000, 1],
])('after %s ms of a backlog, %s mails at a time', (milliseconds, places) => {
  expect(mailPlaces(milliseconds)).toBe(places);
});
