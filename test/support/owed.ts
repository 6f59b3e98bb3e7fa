import type { Knex } from '../../src/db/knex.ts';
import { insertFulfillment, insertOrder } from './orders.ts';

/** A paid order whose fulfillment stands so, owed for so many minutes. Its id. */
export async function owedOrder(db: Knex, { status = 'pending', minutes = 0 } = {}): Promise<number> {
  const { id } = await insertOrder(db, { customer_name: 'Jenny Rosen' });
  await insertFulfillment(db, id, {
    status,
    next_attempt_at: status === 'pending' ? db.raw(`now() + interval '1 hour'`) : null,
    created_at: db.raw(`now() - ? * interval '1 minute'`, [minutes]),
  });
  return id;
}

export async function fulfil(db: Knex): Promise<void> {
  await db('fulfillments').update({ status: 'fulfilled', next_attempt_at: null, fulfilled_at: db.fn.now() });
}
