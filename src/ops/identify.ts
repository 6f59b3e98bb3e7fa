import type { Knex } from '../db/knex.ts';
import { idPattern } from '../stripe/shapes.ts';

/**
 * The order that a person means by its id, or by its checkout session.
 * @throws {NotFound} when there is none
 */
export async function orderIdOf(db: Knex, given: string): Promise<number> {
  const query = db('orders').select('id').first();
  if (idPattern('cs').test(given)) query.where({ checkout_session_id: given });
  else if (/^\d{1,15}$/.test(given)) query.where({ id: Number(given) });
  else throw new NotFound(`${given} is neither an order's id nor a checkout session (cs_…).`);
  const order = await query;
  if (!order) throw new NotFound(`There is no order ${given}.`);
  return order.id;
}

/** What a person named does not exist. */
export class NotFound extends Error {
  override readonly name = 'NotFound';
}
