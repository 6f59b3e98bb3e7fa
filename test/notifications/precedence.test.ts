import type { ServerResponse } from 'node:http';
import { afterAll, expect, test } from '@jest/globals';
import { startMailServer } from '../support/mail-server.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { startSurroundings } from '../support/process.ts';
import { startTestService } from '../support/service.ts';
import { lineItem } from '../support/stripe-api.ts';
import { checkoutSession } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

/** Mails that the server is about to take, and the most at a time so far. */
const held: (() => void)[] = [];
let most = 0;
let holding = true;
const mailServer = await startMailServer(async () => {
  if (!holding) return;
  await new Promise<void>((resolve) => {
    held.push(resolve);
    most = Math.max(most, held.length);
  });
});

const { db, stripe, receiver, env } = await startSurroundings();
const answers: ServerResponse[] = [];
receiver.answer = (res) => answers.push(res);

/** Owed before the service starts: its worker is behind from its first look, before there is any mail. */
const ORDERS = 30;
for (let n = 0; n < ORDERS; n += 1) {
  const session = checkoutSession();
  stripe.keep(session, [lineItem(1)]);
  await insertFulfillment(db, (await insertOrder(db, { checkout_session_id: session.id })).id);
}

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

test('while paid orders wait for a place, mails go one at a time; then side by side', async () => {
  await until('all places are taken', () => answers.length === 2);
  for (let n = 0; n < MAILS; n += 1) {
    const { id } = await insertOrder(db, { status: 'failed' });
    await db('notifications').insert({ order_id: id, kind: 'payment_failed' });
  }
  for (let sent = 0; sent < 5; sent += 1) {
    const take = await until('a mail is sent', () => held.shift());
    take();
  }
  expect(most).toBe(1);

  receiver.answer = (res) => res.writeHead(204).end();
  for (const res of answers) res.writeHead(204).end();
  await until('every order is fulfilled', async () => {
    const fulfilled = await db('fulfillments').where({ status: 'fulfilled' });
    return fulfilled.length === ORDERS;
  });
  await until('five mails at a time', () => held.length === 5);
});
