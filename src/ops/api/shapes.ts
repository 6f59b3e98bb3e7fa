import { z } from 'zod';
import { orderStatuses } from '../../orders/status.ts';
import { wholeNumber } from '../../shapes.ts';
import { reasonShape } from '../close.ts';
import { eventPlace } from '../events.ts';
import { orderFilterShape, placeShape } from '../order-filter.ts';

/**
 * What the API takes and gives, as its OpenAPI document says it. Requests are parsed with these; answers are made by the same
 * questions as the pages, and a test holds them against these.
 */
const instant = z.iso.datetime().meta({ description: 'An instant in UTC.' });
const minor = z.int().meta({ description: "In the currency's minor units, as Stripe counts them." });
const text = z.string();
/** As one schema: each `z.json()` gives the document another one, without a name. */
const json = z.unknown().meta({ id: 'Json', description: 'Any JSON.' });
const limit = wholeNumber(1, 500).default(50).describe('how many at most');
const next = z
  .string()
  .nullable()
  .meta({ description: 'Give it as `after` for the next page; null on the last one.' });

/** Strict: a filter that is misspelt and left out gives orders that nobody asked for. */
export const orderListQuery = z.strictObject({
  ...orderFilterShape('UTC').shape,
  limit,
  after: placeShape.optional().describe('`next` of the page before'),
});

export const eventListQuery = z.strictObject({
  outcome: z
    .literal('conflict', 'must be conflict')
    .optional()
    .describe('only events that contradict their order, also those whose payload was emptied'),
  limit,
  after: text
    .regex(eventPlace, 'must be what the page before ended with')
    .optional()
    .describe('`next` of the page before'),
});

export const closing = z
  .strictObject({ because: reasonShape.describe('kept with the order: leave the customer out') })
  .meta({ id: 'Closing' });

const orderFields = {
  id: z.int(),
  checkout_session_id: text,
  status: z.enum(orderStatuses),
  payment_status: z.enum(['paid', 'unpaid', 'no_payment_required']),
  mode: text,
  livemode: z.boolean(),
  currency: text.nullable(),
  amount_subtotal: minor.nullable(),
  amount_total: minor.nullable(),
  customer_id: text.nullable(),
  customer_email: text.nullable(),
  customer_name: text.nullable(),
  client_reference_id: text.nullable(),
  payment_intent_id: text.nullable(),
  payment_link_id: text.nullable(),
  customer_phone: text.nullable(),
  subscription_id: text.nullable(),
  created_at: instant,
  updated_at: instant,
  paid_at: instant.nullable(),
  failed_at: instant.nullable(),
};

const fulfillmentFields = {
  attempts: z.int(),
  next_attempt_at: instant.nullable(),
  fulfilled_at: instant.nullable(),
  last_error: text.nullable(),
};
const fulfillmentStatus = z.enum(['pending', 'fulfilled', 'dead']);
const outcome = z.enum(['applied', 'stale', 'conflict', 'ignored']);
const work = z.enum(['fulfillment', 'order_paid', 'payment_failed']);

const listedOrder = z
  .strictObject({
    ...orderFields,
    fulfillment_status: fulfillmentStatus.nullable(),
    ...fulfillmentFields,
    attempts: z.int().nullable(),
    under_way: z.boolean().meta({ description: 'The last of the attempts is being made.' }),
    age_seconds: z.number(),
    waiting_seconds: z.number().nullable(),
  })
  .meta({ id: 'ListedOrder', description: 'An order, and how its fulfilment stands.' });

export const order = z
  .strictObject({
    ...orderFields,
    account: text.nullable(),
    shipping_details: json,
    custom_fields: json,
    total_details: json,
    shipping_cost: json,
    presentment_details: json,
    metadata: json,
  })
  .meta({ id: 'Order' });

const lineItem = z
  .strictObject({
    stripe_line_item_id: text,
    position: z.int(),
    price_id: text.nullable(),
    product_id: text.nullable(),
    description: text.nullable(),
    quantity: z.int().nullable(),
    unit_amount: minor.nullable(),
    amount_subtotal: minor,
    amount_discount: minor,
    amount_tax: minor,
    amount_total: minor,
    currency: text,
    metadata: json,
  })
  .meta({ id: 'LineItem' });

const entryOf = <Kind extends string, Fields extends z.ZodRawShape>(kind: Kind, fields: Fields) =>
  z.strictObject({ kind: z.literal(kind), at: instant, ...fields });
const entry = z
  .discriminatedUnion('kind', [
    entryOf('event', { event_id: text, type: text, outcome, replayable: z.boolean() }),
    entryOf('transition', {
      from: orderFields.status.nullable(),
      to: orderFields.status,
      source: z.enum(['webhook', 'landing_page', 'reconcile']),
      event_id: text.nullable(),
    }),
    entryOf('items_stored', { count: z.int() }),
    entryOf('owed', { work }),
    entryOf('attempt_failed', {
      work: z.enum([...work.options, 'mail']).meta({ description: 'mail: one that is owed no more.' }),
      attempt: z.int(),
      error: text,
      dead: z.boolean(),
    }),
    entryOf('done', { work, attempt: z.int().nullable() }).meta({
      description: '`attempt` is null where a person closed it.',
    }),
    entryOf('action', { actor: text, action: text, subject: text, details: z.record(text, json) }),
    entryOf('under_way', { work, attempt: z.int() }).meta({
      description: 'An attempt that is being made; should its process die, the next one is due at that time.',
    }),
    entryOf('due', { work, attempt: z.int() }),
  ])
  .meta({ id: 'TimelineEntry', description: 'What happened to the order, or is going to.' });

export const orderList = z
  .strictObject({ orders: z.array(listedOrder), next })
  .meta({ id: 'OrderList', description: 'The newest first.' });

export const wholeOrder = z
  .strictObject({
    order,
    line_items: z.array(lineItem),
    fulfillment: z.strictObject({ status: fulfillmentStatus, ...fulfillmentFields }).nullable(),
    timeline: z.array(entry),
    now: instant,
  })
  .meta({
    id: 'WholeOrder',
    description: 'Everything about an order, with its one time line, the oldest first.',
  });

const eventFields = {
  id: text,
  type: text,
  livemode: z.boolean(),
  account: text.nullable(),
  checkout_session_id: text.nullable(),
  created_at: instant,
  received_at: instant,
  outcome,
  order_id: z.int().nullable(),
};

export const eventList = z.strictObject({ events: z.array(z.strictObject(eventFields)), next }).meta({
  id: 'EventList',
  description: 'Events whose payload is kept, or all that contradict their order, the newest first.',
});

export const wholeEvent = z
  .strictObject({
    ...eventFields,
    api_version: text.nullable(),
    payload: json.meta({ description: "Stripe's event; null once it was emptied." }),
  })
  .meta({ id: 'Event' });

const affected = z.strictObject({ fulfillments: z.int(), notifications: z.int() });

export const retried = affected.meta({
  id: 'Retried',
  description: 'How many of each are due now that were dead or put off.',
});

export const closed = affected.meta({ id: 'Closed', description: 'How many of each are owed no more.' });

export const replayed = z
  .strictObject({
    outcome,
    duplicate: z.boolean(),
    order_id: z.int().nullable(),
    moved_from: orderFields.status.nullable(),
    moved_to: orderFields.status.nullable(),
    why_ignored: text.nullable(),
  })
  .meta({ id: 'Replayed', description: 'What became of the event.' });

export const failure = z
  .strictObject({ error: z.strictObject({ code: text, message: text }) })
  .meta({ id: 'Failure' });
