import { randomUUID } from 'node:crypto';
import type { Knex } from '../../src/db/knex.ts';

/** A paid order whose fulfillment stands so, owed for so many minutes. Its id. */
export async function owedOrder(db: Knex, { status = 'pending', minutes = 0 } = {}): Promise<number> {
  const [{ id }] = await db('orders')
    .insert({
      checkout_session_id: `cs_test_${randomUUID().replaceAll('-', '')}`,
      status: 'paid',
      payment_status: 'paid',
      mode: 'payment',
      livemode: false,
      customer_email: 'jenny@example.com',
      customer_name: 'Jenny Rosen',
      paid_at: db.fn.now(),
    })
    .returning('id');
  await db('fulfillments').insert({
    order_id: id,
    status,
    next_attempt_at: status === 'pending' ? db.raw(`now() + interval '1 hour'`) : null,
    fulfilled_at: status === 'fulfilled' ? db.fn.now() : null,
    created_at: db.raw(`now() - ? * interval '1 minute'`, [minutes]),
  });
  return id;
}

export async function fulfil(db: Knex): Promise<void> {
  await db('fulfillments').update({ status: 'fulfilled', next_attempt_at: null, fulfilled_at: db.fn.now() });
}
