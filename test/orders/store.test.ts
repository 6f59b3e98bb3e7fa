import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Knex } from '../../src/db/knex.ts';
import { findOrder, findOrdersWithItems, storeLineItems } from '../../src/orders/store.ts';
import { contentsOf, createTestDatabase } from '../support/database.ts';
import { insertFulfillment, insertOrder, storedItem } from '../support/orders.ts';
import { untilWaiting } from '../support/process.ts';

const { db } = await createTestDatabase();

beforeEach(() => db.raw('truncate orders cascade'));

const order = async () => (await insertOrder(db, { amount_total: 2 ** 53 - 1 })).id;

const bare = {
  price_id: null,
  product_id: null,
  description: null,
  quantity: null,
  unit_amount: null,
  metadata: null,
};

describe('an order', () => {
  test('is found by its id, as its row is', async () => {
    await order();
    const id = await order();
    expect(await findOrder(db, id)).toEqual(await db('orders').where({ id }).first());
    expect((await findOrder(db, id)).amount_total).toBe(2 ** 53 - 1);
  });

  test('that is not there is an error', async () => {
    await expect(findOrder(db, 0)).rejects.toThrow('there is no order 0');
    await expect(findOrdersWithItems(db, [await order(), 0])).rejects.toThrow('there is no order 0');
  });
});

describe('the items of orders', () => {
  test('are read back as they were stored, key by key, in the order of their positions', async () => {
    const id = await order();
    const items = [storedItem(0), storedItem(1, bare), storedItem(2)];
    await storeLineItems(db, [{ orderId: id, items: items.toReversed() }]);
    // So that they do not lie in that order.
    for (const [from, to] of [
      [0, 9],
      [9, 0],
    ])
      await db('order_line_items').where({ position: from }).update({ position: to });
    await db.transaction(async (trx) => {
      // Nor are read in it by an index.
      await trx.raw('set local enable_indexscan = off');
      const [found] = await findOrdersWithItems(trx, [id]);
      expect(JSON.stringify(found?.lineItems)).toBe(JSON.stringify(items));
    });
  });

  test.each([
    'noted_at timestamptz not null default now()',
    'net bigint generated always as (amount_total - amount_tax) stored',
  ])('are stored where somebody has added a column: %s', async (column) => {
    const id = await order();
    const trx = await db.transaction();
    await trx.raw(`alter table order_line_items add ${column}`);
    await storeLineItems(trx, [{ orderId: id, items: [storedItem(0)] }]);
    const [found] = await findOrdersWithItems(trx, [id]);
    expect(found?.lineItems).toEqual([storedItem(0)]);
    await trx.rollback();
  });

  test('come with the orders that were asked for, in that order, and none where none are stored', async () => {
    const [first, second, third] = [await order(), await order(), await order()];
    await storeLineItems(db, [
      { orderId: first, items: [storedItem(0)] },
      { orderId: third, items: [storedItem(0), storedItem(1)] },
    ]);
    const found = await findOrdersWithItems(db, [third, second, first]);
    expect(found.map(({ order, lineItems }) => [order.id, lineItems.length])).toEqual([
      [third, 2],
      [second, 0],
      [first, 1],
    ]);
    expect(found[1]).toEqual({ order: await findOrder(db, second), lineItems: [] });
  });

  test('owe no receipt to whoever was erased, unless an event has told the address anew', async () => {
    const [erased, told] = [await insertOrder(db, { customer_email: null }), await insertOrder(db)];
    for (const { id } of [erased, told]) {
      await db('ops_actions').insert({ actor: 'cli:jo', action: 'erase', subject: String(id) });
      await storeLineItems(db, [{ orderId: id, items: [storedItem(0)] }]);
    }
    const { lineItems, notifications } = await contentsOf(db);
    expect([lineItems.length, notifications]).toMatchObject([2, [{ order_id: told.id }]]);
  });

  test('owe one to whoever gave no address, and keep what the shop noted, so that a person is told', async () => {
    const { id } = await insertOrder(db, { customer_email: null });
    await db('ops_actions').insert({ actor: 'cli:jo', action: 'retry', subject: String(id) });
    await storeLineItems(db, [{ orderId: id, items: [storedItem(0)] }]);
    const { lineItems, notifications } = await contentsOf(db);
    expect([lineItems, notifications]).toMatchObject([[storedItem(0)], [{ order_id: id }]]);
  });

  test('owe each customer a receipt', async () => {
    const [first, second, other] = [await order(), await order(), await order()];
    await storeLineItems(db, [
      { orderId: second, items: [storedItem(0)] },
      { orderId: first, items: [storedItem(0)] },
    ]);
    const owed = await db('notifications').orderBy('order_id');
    expect(owed).toMatchObject([
      { order_id: first, kind: 'order_paid', status: 'pending' },
      { order_id: second, kind: 'order_paid', status: 'pending' },
    ]);
    expect(owed.map(({ order_id }) => order_id)).not.toContain(other);
  });

  test.each([
    ['items', (trx: Knex, id: number) => trx('order_line_items').insert({ ...storedItem(0), order_id: id })],
    [
      'receipts',
      (trx: Knex, id: number) => trx('notifications').insert({ order_id: id, kind: 'order_paid' }),
    ],
  ])('%s come in the order of their orders: no two statements wait for each other', async (_what, insert) => {
    const [first, second] = [await order(), await order()];
    // So that they do not lie in that order.
    await db('orders').where({ id: first }).update({ client_reference_id: 'moved' });
    const other = await db.transaction();
    await other.raw(`set local lock_timeout = '500ms'`);
    await insert(other, first);
    const storing = storeLineItems(
      db,
      [second, first].map((orderId) => ({ orderId, items: [storedItem(0)] })),
    );
    await untilWaiting(db, 'worker', 1);
    await insert(other, second);
    await other.commit();
    await storing;
    const { lineItems, notifications } = await contentsOf(db);
    expect([lineItems.length, notifications.length]).toEqual([2, 2]);
  });

  test('are stored once their fulfillments are locked, in the order of their ids', async () => {
    const [first, second] = [await order(), await order()];
    for (const id of [second, first]) await insertFulfillment(db, id);
    // So that they do not lie in that order.
    await db('fulfillments')
      .where({ order_id: second })
      .update({ next_attempt_at: new Date(0) });
    const lock = (trx: Knex, order_id: number) =>
      trx('fulfillments').where({ order_id }).forUpdate().noWait();
    const other = await db.transaction();
    try {
      await lock(other, second);
      const storing = storeLineItems(
        db,
        [first, second].map((orderId) => ({ orderId, items: [storedItem(0)] })),
      );
      await untilWaiting(db, 'worker', 1);
      await lock(other, first);
      await other.rollback();
      await storing;
    } finally {
      if (!other.isCompleted()) await other.rollback();
    }
    expect(await db('order_line_items')).toHaveLength(2);
  });

  test('stored again change nothing, and owe no second receipt', async () => {
    const purchase = { orderId: await order(), items: [storedItem(0), storedItem(1)] };
    await storeLineItems(db, [purchase]);
    await db('notifications').update({ status: 'sent', sent_at: db.fn.now(), next_attempt_at: null });
    const before = await contentsOf(db);
    const again = [
      storedItem(0, { quantity: 7 }),
      storedItem(1),
      storedItem(2, { stripe_line_item_id: 'li_1' }),
      storedItem(1, { stripe_line_item_id: 'li_2' }),
    ];
    await storeLineItems(db, [{ ...purchase, items: again }]);
    expect(await contentsOf(db)).toEqual(before);
  });
});
