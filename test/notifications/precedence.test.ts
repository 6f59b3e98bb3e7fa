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

/** `using` it, the thread of this test, which is the service's, is never idle until the block ends. */
function keepBusy(): Disposable {
  let busy = true;
  const turn = () => {
    if (busy) setImmediate(turn);
  };
  turn();
  return {
    [Symbol.dispose]() {
      busy = false;
    },
  };
}

test('while paid orders wait for a place in a busy process mails wait as well', async () => {
  using _ = keepBusy();
  await until('all places are taken', () => answers.length === 2);
  for (let n = 0; n < MAILS; n += 1) {
    const { id } = await insertOrder(db, { status: 'failed' });
    await db('notifications').insert({ order_id: id, kind: 'payment_failed' });
  }
  const since = performance.now();
  await until('the workers have looked twice', () => performance.now() - since > 2_000);
  expect(held).toEqual([]);
});

test('while they wait for their receiver alone mails go side by side', async () => {
  await until('five mails at a time', () => held.length === 5);
  expect(answers).toHaveLength(2);
});

test('when no order waits they do so however busy the process is', async () => {
  using _ = keepBusy();
  receiver.answer = (res) => res.writeHead(204).end();
  for (const res of answers) res.writeHead(204).end();
  await until('every order is fulfilled', async () => {
    const fulfilled = await db('fulfillments').where({ status: 'fulfilled' });
    return fulfilled.length === ORDERS;
  });
  for (const take of held.splice(0)) take();
  await until('five mails at a time', () => held.length === 5);
});

test.each([
  [0, 1, 5],
  [0.001, 0.49, 5],
  [0.001, 0.5, 0],
  [59_999, 1, 0],
  [60_000, 1, 1],
  [86_400_000, 0.49, 5],
  [86_400_000, 1, 1],
])(
  'after %s ms of a backlog, at work for %s of the time, %s mails at a time',
  (milliseconds, busy, places) => {
    expect(mailPlaces(milliseconds, busy)).toBe(places);
  },
);
