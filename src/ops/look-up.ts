import type Stripe from 'stripe';
import { databaseTime } from '../db/clock.ts';
import type { Knex } from '../db/knex.ts';
import type { LineItem, Order } from '../orders/order.ts';
import { refusalOf } from '../orders/refused.ts';
import type { Outcome } from '../orders/status.ts';
import { findOrdersWithItems, type OrderWithItems } from '../orders/store.ts';
import { sessionBy } from '../stripe/lists.ts';
import { idPattern } from '../stripe/shapes.ts';
import { NotAnId, NotFound, orderIdOf } from './identify.ts';
import { type Entry, timelineOf } from './timeline.ts';

export interface WholeOrder {
  readonly order: Order;
  readonly line_items: readonly LineItem[];
  /** Null: nothing is owed, for nothing is paid. */
  readonly fulfillment: Fulfillment | null;
  readonly timeline: readonly Entry[];
  /** The database's clock, for ages. */
  readonly now: Date;
}

/** A row of `fulfillments`, as far as a person asks. */
export interface Fulfillment {
  readonly status: 'pending' | 'fulfilled' | 'dead';
  readonly attempts: number;
  readonly next_attempt_at: Date | null;
  readonly fulfilled_at: Date | null;
  readonly last_error: string | null;
}

export interface KeptEvent {
  readonly id: string;
  readonly type: string;
  readonly api_version: string | null;
  readonly livemode: boolean;
  readonly account: string | null;
  readonly checkout_session_id: string | null;
  readonly created_at: Date;
  readonly received_at: Date;
  readonly outcome: Outcome;
  /** To the letter; null once it was emptied. */
  readonly payload: string | null;
}

/** What lookUp takes, in words. */
export const ORDER_NAMES =
  "an order's id, its checkout session (cs_…), payment (pi_…) or subscription (sub_…), or an event (evt_…)";

const knownToStripe = [
  ['pi', 'payment_intent', 'was paid in'],
  ['sub', 'subscription', 'began with'],
] as const;

export interface Sources {
  readonly db: Knex;
  readonly stripe: Stripe;
}

/**
 * What a person means by an order's id, a checkout session, a payment, a subscription or an event: the id of the order, or an
 * event that no order is about. Of a payment or a subscription Stripe is asked: an index of them would cost each event what few
 * ever look for. By the payments of a subscription, which belong to its invoices, Stripe finds no session.
 * @throws {NotFound}
 * @throws {Stripe.errors.StripeError}
 */
export async function lookUp({ db, stripe }: Sources, given: string): Promise<number | KeptEvent> {
  for (const [prefix, field, words] of knownToStripe) {
    if (!idPattern(prefix).test(given)) continue;
    const session = await sessionBy(stripe, field, given);
    if (session === null)
      throw new NotFound(`Your Stripe account has no checkout session that ${given} ${words}.`);
    return await orderIdOf(db, session);
  }
  if (!idPattern('evt').test(given))
    return await orderIdOf(
      db,
      given,
      ' nor a payment (pi_…) nor an event (evt_…) nor a subscription (sub_…)',
    );
  const event = await findEvent(db, given);
  return (await orderOfSession(db, event.checkout_session_id)) ?? event;
}

/**
 * The order of what a person names so.
 * @throws as lookUp, and where no order is about the event
 */
export async function orderOf(sources: Sources, given: string): Promise<number> {
  const found = await lookUp(sources, given);
  if (typeof found === 'number') return found;
  throw new NotFound(`There is no order of ${given}.`);
}

/** @throws {NotFound} */
export async function findEvent(db: Knex, id: string): Promise<KeptEvent> {
  if (!idPattern('evt').test(id)) throw new NotAnId(`${id} is no event's id (evt_…).`);
  const event = await db('stripe_events')
    .select('*', db.raw('payload::text as payload'))
    .where({ id })
    .first();
  if (event) return event;
  const why = (await refusalOf(db, { id })) ?? 'It never came in, or it was for another endpoint.';
  throw new NotFound(`There is no event ${id}. ${why}`);
}

export async function orderOfSession(db: Knex, checkout_session_id: string | null): Promise<number | null> {
  if (checkout_session_id === null) return null;
  const order = await db('orders').select('id').where({ checkout_session_id }).first();
  return order?.id ?? null;
}

/** @throws where there is none of this id */
export async function wholeOrder(db: Knex, id: number): Promise<WholeOrder> {
  const [[found], fulfillment, timeline, now] = await Promise.all([
    findOrdersWithItems(db, [id]),
    db('fulfillments')
      .select('status', 'attempts', 'next_attempt_at', 'fulfilled_at', 'last_error')
      .where({ order_id: id })
      .first(),
    timelineOf(db, id),
    databaseTime(db),
  ]);
  const { order, lineItems } = found as OrderWithItems;
  return { order, line_items: lineItems, fulfillment: fulfillment ?? null, timeline, now };
}
