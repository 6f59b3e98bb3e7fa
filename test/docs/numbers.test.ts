import { expect, test } from '@jest/globals';
import { createTestDatabase } from '../support/database.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { read } from './commands.ts';

const { db } = await createTestDatabase();

test('docs/operating.md sets all numbers ahead, where rows came without what numbers them', async () => {
  await db.raw(`
    insert into orders (id, checkout_session_id, status, payment_status, mode, livemode)
    overriding system value values (1, 'cs_test_copied', 'awaiting_payment', 'unpaid', 'payment', false)`);
  await expect(insertOrder(db)).rejects.toThrow('orders_pkey');
  const [, setAhead = ''] =
    /^### Numbers ahead$.*?^```sql\n(.*?)^```$/ms.exec(read('docs/operating.md')) ?? [];
  await db.raw(setAhead);
  const { id } = await insertOrder(db);
  expect(id).toBe(1_002);
  // The backup of a shop's first day has tables without a row.
  await insertFulfillment(db, id);
  expect(await db('fulfillments').pluck('id')).toEqual([1_001]);

  const numbered = await db('information_schema.columns')
    .where({ table_schema: 'public', column_name: 'id' })
    .whereRaw(`pg_get_serial_sequence(format('%I.%I', table_schema, table_name), column_name) is not null`)
    .pluck('table_name');
  const set = [...setAhead.matchAll(/pg_get_serial_sequence\('(\w+)', 'id'\)/g)].map(([, table]) => table);
  expect(set.toSorted()).toEqual(numbered.toSorted());
});
