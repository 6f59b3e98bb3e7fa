import type { Knex } from '../db/knex.ts';
import { LEASE_SECONDS, type Queue } from './queue.ts';

/** What people do to owed work. What its own attempts do to it is in queue.ts. */

/**
 * Makes due at once what orders are owed here and have not got: dead work with all its attempts anew, and unless `onlyDead`
 * work in a pause with those it has left. An order comes back for each row.
 * An attempt under way is left alone: nobody has heard of its end, and its lease lasts. Whether it lasts is judged by
 * clock_timestamp(), since a lease that was renewed after this transaction began ends later than a lease's time from its
 * now().
 */
export async function makeDue(
  db: Knex,
  queue: Queue,
  orderIds: readonly number[],
  { onlyDead = false } = {},
): Promise<number[]> {
  const { rows } = await db.raw<{ rows: { order_id: number }[] }>(
    `with owed as (
       select id, status from :table:
       where order_id = any (:orderIds)
         and (status = 'dead'
           or not :onlyDead and status = 'pending' and next_attempt_at > now()
             and (attempts_lost = 0 or next_attempt_at > clock_timestamp() + :lease * interval '1 second'))
       order by id
       for update
     )
     update :table: as work set
       status = 'pending',
       attempts = case when owed.status = 'dead' then 0 else attempts end,
       next_attempt_at = now()
     from owed where work.id = owed.id
     returning order_id`,
    { table: queue.table, orderIds, onlyDead, lease: LEASE_SECONDS },
  );
  return rows.map(({ order_id }) => order_id);
}

/** The orders to which something is owed that is dead here, once for each of it. */
export async function ordersWithDead(db: Knex, queue: Queue): Promise<number[]> {
  const { rows } = await db.raw<{ rows: { order_id: number }[] }>(
    `select order_id from :table: where status = 'dead'`,
    { table: queue.table },
  );
  return rows.map(({ order_id }) => order_id);
}

/**
 * Ends what an order is owed here without another attempt: it was done by hand. An attempt that is under way has lost its
 * claim by this. `attempts_lost` stays as it is: at 0 the attempt's end would be taken for one that was written already
 * (`settleDone`, `settleFailed`).
 */
export async function settleByHand(db: Knex, queue: Queue, orderId: number): Promise<number> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `update :table: set status = :done, :doneAt: = now(), next_attempt_at = null, last_error = null
     where order_id = :orderId and status <> :done`,
    { ...queue, orderId },
  );
  return rowCount;
}

/** Takes back what orders are owed here and have not got, as if it had never been owed. The number of rows. */
export async function withdraw(db: Knex, queue: Queue, orderIds: readonly number[]): Promise<number> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `with owed as (
       select id from :table: where order_id = any (:orderIds) and status <> :done order by id for update
     )
     delete from :table: as work using owed where work.id = owed.id`,
    { ...queue, orderIds },
  );
  return rowCount;
}
