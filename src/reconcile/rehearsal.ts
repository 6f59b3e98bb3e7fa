import type { Knex } from '../db/knex.ts';
import type { Ledger } from '../orders/ledger.ts';
import { type OrderStatus, outcomeOf } from '../orders/status.ts';

/** A ledger that writes nothing and says what would be recorded, also of what it was told before. */
export function rehearsal(db: Knex): Ledger {
  const events = new Set<string>();
  const statuses = new Map<string, OrderStatus>();
  return async ({ signed, request }) => {
    const id = signed?.event.id;
    const duplicate =
      id !== undefined &&
      (events.has(id) || (await db('stripe_events').where({ id }).first('id')) !== undefined);
    if (id !== undefined) events.add(id);
    if (request === null) return { outcome: 'ignored', duplicate, order_id: null, moved_to: null };
    const { checkout_session_id } = request.session;
    const order = await db('orders').select('id', 'status').where({ checkout_session_id }).first();
    const current = statuses.get(checkout_session_id) ?? order?.status ?? null;
    const outcome = outcomeOf(current, request.wanted);
    if (outcome === 'applied') statuses.set(checkout_session_id, request.wanted);
    const moved_to = outcome === 'applied' ? request.wanted : null;
    return { outcome, duplicate, order_id: order?.id ?? null, moved_to };
  };
}
