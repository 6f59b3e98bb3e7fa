import { afterAll, expect, test } from '@jest/globals';
import { startExample } from '../support/example.ts';
import { startBroker } from '../support/nats.ts';
import { startSurroundings } from '../support/process.ts';
import { scratchDir } from '../support/scratch-dir.ts';
import { deliver } from '../support/service.ts';
import type { EventJson } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const broker = await startBroker();
broker.away = true;
const { env, db, paidEvent } = await startSurroundings();
const example = await startExample('message-broker/main.ts', {
  cwd: await scratchDir(),
  env: { ...env, PORT: '0', NATS_URL: broker.url },
  ready: /"listening on (\S+)"/,
});
afterAll(async () => {
  await example[Symbol.asyncDispose]();
});
const [, url = ''] = example.match;
const statusOf = ({ data }: EventJson) =>
  db('fulfillments')
    .join('orders', 'orders.id', 'order_id')
    .where({ checkout_session_id: data.object.id })
    .first('fulfillments.*');
const storedOf = ({ data }: EventJson) => broker.stored.filter(({ id }) => id === data.object.id);
const untilFailed = (event: EventJson) =>
  until('an attempt has failed', async () => {
    const fulfillment = await statusOf(event);
    return fulfillment?.last_error && fulfillment;
  });
const untilFulfilled = (event: EventJson) =>
  until('the order is fulfilled', async () => (await statusOf(event))?.status === 'fulfilled');

test('without the broker the service starts and takes orders, and forwards them once it is there', async () => {
  const event = paidEvent();
  await deliver(url, event);
  expect(await untilFailed(event)).toMatchObject({ status: 'pending', fulfilled_at: null });
  broker.away = false;
  await untilFulfilled(event);
  expect(storedOf(event)).toHaveLength(1);
});

test('an order is fulfilled once the broker has confirmed it, and a repeat is dropped by its id', async () => {
  const event = paidEvent();
  await deliver(url, event);
  await untilFulfilled(event);
  const { id } = event.data.object;
  expect(storedOf(event)).toMatchObject([{ subject: 'orders.paid', id }]);
  expect(JSON.parse(storedOf(event)[0]?.body ?? '')).toMatchObject({
    type: 'order.paid',
    data: { order: { checkout_session_id: id }, line_items: [{ position: 0 }, { position: 1 }] },
  });

  await db('fulfillments').update({ status: 'pending', fulfilled_at: null, next_attempt_at: db.fn.now() });
  await untilFulfilled(event);
  expect(storedOf(event)).toHaveLength(1);
});

test('without a confirmation the order is not fulfilled, and is tried again', async () => {
  broker.silent = true;
  const event = paidEvent();
  await deliver(url, event);
  expect(await untilFailed(event)).toMatchObject({ status: 'pending', attempts: 1 });
  broker.silent = false;
  await untilFulfilled(event);
  expect(storedOf(event)).toHaveLength(1);
});
