import { afterAll, expect, test } from '@jest/globals';
import { startExample } from '../support/example.ts';
import { startBroker } from '../support/nats.ts';
import { startSurroundings } from '../support/process.ts';
import { deliver, scratchDir } from '../support/service.ts';
import type { EventJson } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const broker = await startBroker();
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
const untilFulfilled = (event: EventJson) =>
  until('the order is fulfilled', async () => (await statusOf(event))?.status === 'fulfilled');

test('an order is fulfilled once the broker has confirmed it, and a repeat is dropped by its id', async () => {
  const event = paidEvent();
  await deliver(url, event);
  await untilFulfilled(event);
  const { id } = event.data.object;
  expect(broker.stored).toMatchObject([{ subject: 'orders.paid', id }]);
  expect(JSON.parse(broker.stored[0]?.body ?? '')).toMatchObject({
    type: 'order.paid',
    data: { order: { checkout_session_id: id }, line_items: [{ position: 0 }, { position: 1 }] },
  });

  await db('fulfillments').update({ status: 'pending', fulfilled_at: null, next_attempt_at: db.fn.now() });
  await untilFulfilled(event);
  expect(broker.stored).toHaveLength(1);
});

test('without a confirmation the order is not fulfilled, and is tried again', async () => {
  broker.silent = true;
  const event = paidEvent();
  await deliver(url, event);
  const waiting = await until('the attempt has failed', async () => {
    const fulfillment = await statusOf(event);
    return fulfillment?.last_error && fulfillment;
  });
  expect(waiting).toMatchObject({ status: 'pending', attempts: 1 });
  broker.silent = false;
  await untilFulfilled(event);
  expect(broker.stored.filter(({ id }) => id === event.data.object.id)).toHaveLength(1);
});
