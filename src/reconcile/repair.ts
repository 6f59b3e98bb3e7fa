import type Stripe from 'stripe';
import type { Knex } from '../db/knex.ts';
import { BadRequest } from '../errors.ts';
import { type Request, requestOf, requestOfSession } from '../orders/handlers.ts';
import type { Ledger, News } from '../orders/ledger.ts';
import type { Order } from '../orders/order.ts';
import type { RefusedEvent } from '../orders/refused.ts';
import type { Outcome } from '../orders/status.ts';
import { readSession } from '../stripe/checkout-session.ts';
import { eventOfApi } from '../stripe/event.ts';
import { type Compared, differencesOf } from './compare.ts';
import type { Findings } from './findings.ts';

export interface Dependencies {
  readonly db: Knex;
  readonly record: Ledger;
  /** Keeps what can't be taken over with the events that a webhook has refused: a person is told of it. */
  readonly refuse: (events: readonly RefusedEvent[]) => Promise<void>;
  readonly livemode: boolean;
  /** Filled as the run goes: it tells what was done also when the run breaks off. */
  readonly found: Findings;
}

/** Records those events of a page that are not here. */
export async function takeEvents(page: readonly Stripe.Event[], dependencies: Dependencies): Promise<void> {
  const { db, livemode, found } = dependencies;
  const ids = page.map(({ id }) => id);
  const rows: { id: string; outcome: Outcome }[] = await db('stripe_events')
    .select('id', 'outcome')
    .whereIn('id', ids);
  const outcomes = new Map(rows.map(({ id, outcome }) => [id, outcome]));
  found.lookedAt.events += page.length;

  async function take(given: Stripe.Event): Promise<void> {
    const outcome = outcomes.get(given.id);
    if (outcome !== undefined && outcome !== 'ignored') return;
    const signed = eventOfApi(given);
    const request = requestOf(signed.event, livemode);
    // What was ignored may ask something of an order by now: it came, say, while the key was one of the other mode.
    if (outcome === 'ignored' && request === null) return;
    await put({ source: 'reconcile', signed, request }, dependencies);
  }

  await takeEach(page, take, namesOf, dependencies);
}

type Names = Pick<RefusedEvent, 'type' | 'checkout_session_id'>;

/** Of an event that may not have the shape of one. */
function namesOf({ type, data }: Stripe.Event): Names {
  const object = (data?.object ?? {}) as { object?: unknown; id?: unknown };
  const checkout_session_id = object.object === 'checkout.session' ? String(object.id) : null;
  return { type: String(type), checkout_session_id };
}

/** One that can't be read may have no event by which a person was told. */
export function namesOfSession({ id }: { readonly id: string }): Names {
  return { type: 'checkout.session', checkout_session_id: id };
}

/**
 * Records those sessions of a page that are complete and not here, and compares the others with their orders.
 * @param eventsSince since when Stripe has all events, in seconds since 1970
 */
export async function takeSessions(
  page: readonly Stripe.Checkout.Session[],
  dependencies: Dependencies,
  eventsSince: number,
): Promise<void> {
  const { db, livemode, found } = dependencies;
  const ids = page.map(({ id }) => id);
  const rows: (Compared & Pick<Order, 'status'>)[] = await db('orders')
    .select('id', 'checkout_session_id', 'status', 'currency', 'amount_total', 'amount_subtotal')
    .whereIn('checkout_session_id', ids);
  const orders = new Map(rows.map((order) => [order.checkout_session_id, order]));
  found.lookedAt.sessions += page.length;

  async function take(given: Stripe.Checkout.Session): Promise<void> {
    const request = requestOfSession(readSession(given), livemode);
    if (request === null) return;
    const order = orders.get(given.id);
    // What is unpaid says too little of an order, or of a session whose events Stripe has no more: that its money will not
    // come is known to them alone. Without an order its event was refused, or never made
    // (https://docs.stripe.com/webhooks/handle-irrecoverable-events): the money that comes later would be found by nobody.
    if (request.wanted !== 'paid' && (order || given.created < eventsSince)) return;
    if (order?.status === 'paid') found.differing.push(...differencesOf(order, request.session));
    else await put({ source: 'reconcile', signed: null, request }, dependencies);
  }

  await takeEach(page, take, namesOfSession, dependencies);
}

/** Takes all of a page or a group. One that can't be read or kept is a finding, kept by its names, and hurts no other. */
export async function takeEach<Given extends { readonly id: string }>(
  page: readonly Given[],
  take: (given: Given) => Promise<void>,
  namesOf: (given: Given) => Names,
  { refuse, found }: Pick<Dependencies, 'refuse' | 'found'>,
): Promise<void> {
  const refused: RefusedEvent[] = [];
  const takeOrRefuse = async (given: Given) => {
    try {
      await take(given);
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
      const { message: reason } = error;
      found.unrepaired.set(given.id, reason);
      refused.push({ id: given.id, ...namesOf(given), reason, at: Date.now() });
    }
  };
  await Promise.all(page.map(takeOrRefuse));
  // Before the cursor passes them: a run that ends here, or is killed, comes to them again.
  await refuse(refused);
}

/** Records news, and keeps what they changed as findings. */
export async function put(news: News, { record, found }: Dependencies): Promise<void> {
  const { duplicate, moved_to, order_id } = await record(news);
  if (news.signed && !duplicate) found.eventsMissing += 1;
  if (moved_to === null) return;
  const { checkout_session_id } = (news.request as Request).session;
  found.behind.set(checkout_session_id, { order_id, status: moved_to });
}
