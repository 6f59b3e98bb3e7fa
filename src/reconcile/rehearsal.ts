import type { Knex } from '../db/knex.ts';
import type { Ledger } from '../orders/ledger.ts';
import { type OrderStatus, outcomeOf } from '../orders/status.ts';

/** A ledger that writes nothing and says what would be recorded, also of what it was told before. */
export function rehearsal(db: Knex): Ledger {
  const events = new Set<string>();
  const statuses = new Map<string, OrderStatus>();

  /** Whether it is here already, or was told of before. */
  async function isKnown(id: string): Promise<boolean> {
    const told = events.has(id);
    // Before anything is awaited: those of a page come side by side.
    events.add(id);
    return told || (await db('stripe_events').where({ id }).first('id')) !== undefined;
  }

  return async ({ signed, request }) => {
    const duplicate = signed !== null && (await isKnown(signed.event.id));
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
