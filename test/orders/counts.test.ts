import { expect, test } from '@jest/globals';
import { countOrders } from '../../src/orders/counts.ts';
import { createTestDatabase } from '../support/database.ts';
import { insertOrder } from '../support/orders.ts';

const { db } = await createTestDatabase();

test('orders are counted by status, from none on', async () => {
  expect(await countOrders(db)).toEqual({ awaiting_payment: 0, paid: 0, failed: 0 });
  for (const status of ['paid', 'failed', 'paid', 'awaiting_payment', 'paid', 'failed'])
    await insertOrder(db, { status });
  expect(await countOrders(db)).toEqual({ awaiting_payment: 1, paid: 3, failed: 2 });
});
