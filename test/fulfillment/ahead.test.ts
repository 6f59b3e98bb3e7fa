import type { ServerResponse } from 'node:http';
import { expect, test } from '@jest/globals';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { startSurroundings } from '../support/process.ts';
import { startTestService } from '../support/service.ts';
import { lineItem } from '../support/stripe-api.ts';
import { checkoutSession } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const { db, stripe, receiver, env } = await startSurroundings();
const answers: ServerResponse[] = [];
receiver.answer = (res) => answers.push(res);

const sessions = Array.from({ length: 8 }, () => checkoutSession());
for (const session of sessions) {
  stripe.keep(session, [lineItem(1), lineItem(2)]);
  await insertFulfillment(db, (await insertOrder(db, { checkout_session_id: session.id })).id);
}
await startTestService({ ...env, FULFILLMENT_CONCURRENCY: '1' });

test('orders in line are asked for at Stripe before they have a place, and once', async () => {
  await until('the items of all are stored', async () => (await db('order_line_items')).length === 16);
  await until('one order has the place', () => answers.length === 1);
  expect(receiver.calls).toHaveLength(1);

  receiver.answer = (res) => res.writeHead(204).end();
  for (const res of answers) res.writeHead(204).end();
  await until('all are fulfilled', async () => {
    const fulfilled = await db('fulfillments').where({ status: 'fulfilled' });
    return fulfilled.length === 8;
  });
  const ids = sessions.map(({ id }) => id).toSorted();
  expect(receiver.calls.map(({ id }) => id).toSorted()).toEqual(ids);
  expect(stripe.requests.filter((line) => line.startsWith('GET /v1/checkout/sessions/cs_'))).toHaveLength(8);
});
