import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { closeOrder } from '../../src/ops/close.ts';
import { startExample } from '../support/example.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { startSurroundings } from '../support/process.ts';
import { scratchDir } from '../support/scratch-dir.ts';
import { deliver, startTestService } from '../support/service.ts';
import { until } from '../support/until.ts';

const sqlOnly = path.resolve(import.meta.dirname, '../../examples/sql-only');
const sql = (name: string) => readFile(path.join(sqlOnly, name), 'utf8');

const { env, db, paidEvent } = await startSurroundings();
const service = await startTestService({ ...env, FULFILLMENT_URL: '' });
const cwd = await scratchDir();

test('orders come through the inbox: those of before, those of now, each once', async () => {
  const shipped = (count: number) =>
    until(`${count} line items are shipped`, async () => {
      const rows = await db('shop_shipments').orderBy(['order_id', 'position']);
      return rows.length === count && rows;
    });

  await deliver(service.url, paidEvent());
  await until('the first order is fulfilled', () =>
    db('fulfillments').where({ status: 'fulfilled' }).first(),
  );
  await db.raw(await sql('setup.sql'));
  await using consumer = await startExample('sql-only/consumer.ts', {
    cwd,
    env: { DATABASE_URL: env.DATABASE_URL },
    ready: /shipped 2 line items/,
  });
  expect(consumer.match[0]).toBe('shipped 2 line items');
  await deliver(service.url, paidEvent());
  const rows = await shipped(4);
  expect(rows).toMatchObject([
    { position: 0, description: 'Mug No. 1', quantity: 2 },
    { position: 1, description: 'Mug No. 2', quantity: 3 },
    { position: 0 },
    { position: 1 },
  ]);
  expect(await db('shop_inbox')).toEqual([]);
});

test('an order that another consumer is taking is passed over, and is still there if that one fails', async () => {
  await deliver(service.url, paidEvent());
  await until('the order is in the inbox', () => db('shop_inbox').first());

  const other = await db.transaction();
  await other.raw(await sql('take.sql'));
  expect((await db.raw(await sql('take.sql'))).rowCount).toBe(0);
  await other.rollback();
  expect((await db.raw(await sql('take.sql'))).rowCount).toBe(2);
});

test('an order that a person closes does not come to the inbox, nor one that was closed before', async () => {
  const { id } = await insertOrder(db);
  await insertFulfillment(db, id, { status: 'dead' });
  const closed = await closeOrder(db, id, { because: 'refunded in Stripe', actor: 'cli:jo' });
  expect(closed).toMatchObject({ fulfillments: 1 });
  expect(await db('shop_inbox')).toEqual([]);
  await db.raw(
    'drop table shop_inbox, shop_shipments; drop view shop_closed; drop function shop_receive_order cascade',
  );
  await db.raw(await sql('setup.sql'));
  const inbox = await db('shop_inbox').pluck('order_id');
  expect(inbox).toHaveLength(3);
  expect(inbox).not.toContain(id);
});
