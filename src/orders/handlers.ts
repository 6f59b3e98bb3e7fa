import { type CheckoutSession, readSession } from '../stripe/checkout-session.ts';
import { isAboutSession, type StripeEvent } from '../stripe/event.ts';
import { idOf, jsonOf, textOf } from '../stripe/shapes.ts';
import type { SessionFields } from './order.ts';
import type { OrderStatus } from './status.ts';

/** What an event, or the API's answer, asks of the order of a checkout session. */
export interface Request {
  readonly wanted: OrderStatus;
  readonly session: SessionFields;
}

/** From event type to what it asks. A type that is not here is recorded as `ignored`. */
const handlers = new Map<string, (session: CheckoutSession) => OrderStatus>([
  ['checkout.session.completed', statusOf],
  ['checkout.session.async_payment_succeeded', () => 'paid'],
  ['checkout.session.async_payment_failed', () => 'failed'],
]);

export const handledTypes: readonly string[] = [...handlers.keys()];

/**
 * The status that a session's own word allows. `no_payment_required` counts as paid; a failed payment
 * has no value of its own and shows in the event type alone (https://docs.stripe.com/checkout/fulfillment).
 */
function statusOf(session: CheckoutSession): OrderStatus {
  return session.payment_status === 'unpaid' ? 'awaiting_payment' : 'paid';
}

/**
 * What the API's word on a session asks of its order; null for a session that is not completed yet, or makes no
 * order. An open session of a free cart says `no_payment_required` long before anybody has ordered.
 */
export function requestOfSession(session: CheckoutSession, livemode: boolean): Request | null {
  const completed = session.status !== 'open' && session.status !== 'expired';
  if (!completed || session.mode === 'setup' || (session.livemode ?? livemode) !== livemode) return null;
  return { wanted: statusOf(session), session: sessionFields(session, { account: null, livemode }) };
}

/**
 * What the event asks of an order; null for what is not ours: other types and objects, test events
 * at a live service and the other way round, sessions that only set up a payment method.
 * @throws {BadRequest} for a checkout session that can't be read: refused, so that Stripe keeps it and a person is told
 */
export function requestOf(event: StripeEvent, livemode: boolean): Request | null {
  const handler = handlers.get(event.type);
  if (!handler || event.livemode !== livemode || !isAboutSession(event)) return null;
  const session = readSession(event.data.object, "The event's checkout session");
  if (session.mode === 'setup') return null;
  return {
    wanted: handler(session),
    session: sessionFields(session, { account: event.account ?? null, livemode }),
  };
}

function sessionFields(
  session: CheckoutSession,
  { account, livemode }: Pick<SessionFields, 'account' | 'livemode'>,
): SessionFields {
  return {
    checkout_session_id: session.id,
    account,
    payment_status: session.payment_status,
    mode: session.mode ?? 'payment',
    livemode: session.livemode ?? livemode,
    currency: textOf(session.currency),
    amount_subtotal: session.amount_subtotal ?? null,
    amount_total: session.amount_total ?? null,
    customer_id: textOf(idOf(session.customer)),
    customer_email: textOf(session.customer_details?.email ?? session.customer_email),
    customer_name: textOf(session.customer_details?.name),
    client_reference_id: textOf(session.client_reference_id),
    payment_intent_id: idOf(session.payment_intent),
    payment_link_id: idOf(session.payment_link),
    shipping_details: jsonOf(
      session.collected_information?.shipping_details ?? session.shipping_details ?? session.shipping,
    ),
    custom_fields: jsonOf(session.custom_fields),
    total_details: jsonOf(session.total_details),
    metadata: jsonOf(session.metadata),
    customer_phone: textOf(session.customer_details?.phone),
    subscription_id: idOf(session.subscription),
    shipping_cost: jsonOf(session.shipping_cost),
    presentment_details: jsonOf(session.presentment_details),
  };
}
