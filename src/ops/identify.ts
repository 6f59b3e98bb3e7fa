import type { Knex } from '../db/knex.ts';
import { refusalOf } from '../orders/refused.ts';
import { idPattern } from '../stripe/shapes.ts';

/**
 * The order that a person means by its id, or by its checkout session.
 * @param others what else may be given there, as the error says it
 * @throws {NotFound} when there is none
 */
export async function orderIdOf(db: Knex, given: string, others = ''): Promise<number> {
  const isSession = idPattern('cs').test(given);
  const query = db('orders').select('id').first();
  if (isSession) query.where({ checkout_session_id: given });
  else if (/^\d{1,15}$/.test(given)) query.where({ id: Number(given) });
  else throw new NotAnId(`${given} is neither an order's id nor a checkout session (cs_…)${others}.`);
  const order = await query;
  if (order) return order.id;
  const why = isSession ? await whyNoOrder(db, given) : null;
  throw new NotFound(`There is no order ${given}.${why === null ? '' : ` ${why}`}`);
}

/** An event of it was refused, or came in and was ignored; null where none did. */
async function whyNoOrder(db: Knex, checkout_session_id: string): Promise<string | null> {
  const refusal = await refusalOf(db, { checkout_session_id });
  if (refusal !== null) return refusal;
  const event = await db('stripe_events')
    .where({ checkout_session_id })
    .orderBy('received_at', 'desc')
    .first('id');
  return event ? `Its last event here is ${event.id}: npm run ops -- show ${event.id} says why.` : null;
}

/** What a person named does not exist. */
export class NotFound extends Error {
  override readonly name = 'NotFound';
}

/** Nor ever could: it does not have the form of an id. */
export class NotAnId extends NotFound {}
