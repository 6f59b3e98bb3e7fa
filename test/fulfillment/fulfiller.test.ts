import { expect, test } from '@jest/globals';
import { logFulfiller } from '../../src/fulfillment/fulfiller.ts';
import type { LineItem, Order } from '../../src/orders/order.ts';
import { recordingLog } from '../support/log.ts';

test('where nothing is called, the log says which order to fulfil, and nothing of its customer', async () => {
  const { log, lines } = recordingLog();
  const order = {
    id: 7,
    checkout_session_id: 'cs_7',
    amount_total: 6498,
    currency: 'usd',
    customer_email: 'jenny@example.com',
    customer_name: 'Jenny Rosen',
  } as Order;
  const lineItems = [{ description: 'Mug' }, { description: 'Lid' }] as LineItem[];
  await logFulfiller(log)({ order, lineItems, idempotencyKey: 'cs_7' }, new AbortController().signal);
  expect(lines).toEqual([
    {
      level: 'info',
      msg: expect.any(String),
      order_id: 7,
      checkout_session_id: 'cs_7',
      idempotency_key: 'cs_7',
      amount_total: 6498,
      currency: 'usd',
      line_items: 2,
    },
  ]);
});
