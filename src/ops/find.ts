import { only } from '../errors.ts';
import { NotAnId, NotFound } from './identify.ts';
import { lookUp, type Sources } from './look-up.ts';
import { listOrders } from './orders.ts';

/**
 * The page of whatever a person has at hand: an order's id, a session, a payment, a subscription, an event, an address, the
 * shop's reference.
 * @throws as lookUp
 */
export async function pathOf(sources: Sources, sought: string): Promise<string> {
  const found = await lookUp(sources, sought).catch(only(NotFound));
  if (!(typeof found === 'number' || found instanceof NotFound)) return `/ops/events/${found.id}`;
  const { orders } = await listOrders(sources.db, { reference: sought }, { limit: 2, after: null });
  if (typeof found === 'number') {
    const notice = orders.some(({ id }) => id !== found) ? '?done=found_with_reference' : '';
    return `/ops/orders/${found}${notice}`;
  }
  if (orders.length === 0 && !(found instanceof NotAnId)) throw found;
  const field = orders.length > 0 ? 'reference' : 'email';
  return `/ops/orders?${new URLSearchParams({ [field]: sought }).toString()}`;
}
