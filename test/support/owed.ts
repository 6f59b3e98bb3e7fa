import type { Knex } from '../../src/db/knex.ts';
import { insertFulfillment, insertOrder } from './orders.ts';
import type { StripeApi } from './stripe-api.ts';
import { checkoutSession } from './stripe-events.ts';

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

/** Paid orders that are due, whose sessions Stripe knows, with these line items each. The sessions' ids. */
export async function oweOrders(
  db: Knex,
  stripe: StripeApi,
  count: number,
  items: Parameters<StripeApi['keep']>[1],
  overrides: Record<string, unknown> = {},
): Promise<string[]> {
  const sessions = Array.from({ length: count }, () => checkoutSession(overrides));
  for (const session of sessions) {
    stripe.keep(session, items);
    await insertFulfillment(db, (await insertOrder(db, { checkout_session_id: session.id })).id);
  }
  return sessions.map(({ id }) => id);
}

export async function fulfil(db: Knex): Promise<void> {
  await db('fulfillments').update({ status: 'fulfilled', next_attempt_at: null, fulfilled_at: db.fn.now() });
}
