import { beforeEach, expect, test } from '@jest/globals';
import { fulfillments } from '../../src/fulfillment/fulfill.ts';
import { notifications } from '../../src/notifications/notify.ts';
import { LATE_MINUTES, standingOf } from '../../src/work/standing.ts';
import { createTestDatabase } from '../support/database.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';

const { db } = await createTestDatabase();
const nothing = {
  pending: 0,
  dead: 0,
  oldest_dead: null,
  newest_dead_at: null,
  late: 0,
  oldest_late: null,
  newest_late_at: null,
  oldest_seconds: null,
};

beforeEach(() => db.raw('truncate orders cascade'));

/** An order whose fulfillment is owed since so many minutes; its id. */
async function owe(minutes: number, status = 'pending'): Promise<number> {
  const { id } = await insertOrder(db);
  const created_at = db.raw(`now() - ? * interval '1 minute'`, [minutes]);
  await insertFulfillment(db, id, { status, created_at });
  return id;
}

async function sinceWhen(order_id: number): Promise<Date> {
  const { created_at } = await db('fulfillments').where({ order_id }).first();
  return created_at;
}

test('what is owed and what is dead is counted, and the oldest of each is named; what is done is not', async () => {
  await owe(60, 'fulfilled');
  await owe(1);
  const late = await owe(20);
  const dead = await owe(4, 'dead');
  // By hand.
  await owe(3, 'dead');
  const died_at = db.raw(`now() - interval '1 minute'`);
  const [{ died_at: newest_dead_at }] = await db('fulfillments')
    .where({ order_id: dead })
    .update({ died_at })
    .returning('died_at');
  const { oldest_seconds, ...standing } = await standingOf(db, fulfillments);
  expect(standing).toEqual({
    pending: 2,
    dead: 2,
    oldest_dead: dead,
    newest_dead_at,
    late: 1,
    oldest_late: late,
    newest_late_at: await sinceWhen(late),
  });
  expect(Math.round((oldest_seconds ?? 0) / 60)).toBe(20);
});

test('work is late beyond 15 minutes, dead or not', async () => {
  await owe(LATE_MINUTES - 1);
  const [pending, dead] = [await owe(LATE_MINUTES + 1), await owe(LATE_MINUTES + 1, 'dead')];
  expect(LATE_MINUTES).toBe(15);
  const newest_late_at = await sinceWhen(dead);
  expect(await standingOf(db, fulfillments)).toMatchObject({ late: 2, oldest_late: pending, newest_late_at });
  expect(newest_late_at).not.toEqual(await sinceWhen(pending));
});

test('each queue stands for itself, and an empty one has nothing', async () => {
  await owe(1);
  expect(await standingOf(db, notifications)).toEqual(nothing);
});
