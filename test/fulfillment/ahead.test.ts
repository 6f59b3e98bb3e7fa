import type { ServerResponse } from 'node:http';
import { expect, test } from '@jest/globals';
import { oweOrders } from '../support/owed.ts';
import { startSurroundings } from '../support/process.ts';
import { startTestService } from '../support/service.ts';
import { lineItem } from '../support/stripe-api.ts';
import { until } from '../support/until.ts';

const { db, stripe, receiver, env } = await startSurroundings();
const answers: ServerResponse[] = [];
receiver.answer = (res) => answers.push(res);

const sessions = await oweOrders(db, stripe, 8, [lineItem(1), lineItem(2)]);
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
  expect(receiver.calls.map(({ id }) => id).toSorted()).toEqual(sessions.toSorted());
  expect(stripe.requests.filter((line) => line.startsWith('GET /v1/checkout/sessions/cs_'))).toHaveLength(8);
});
