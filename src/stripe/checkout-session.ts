import Stripe from 'stripe';
import { z } from 'zod';
import { BadRequest } from '../errors.ts';
import { amount, describeIssues, json, ownId, ownReference, reference, text, word } from './shapes.ts';

/**
 * What we read of a Checkout Session: https://docs.stripe.com/api/checkout/sessions/object. An absent
 * field is null, a mistyped one is refused: money is not guessed at.
 */
export const checkoutSessionShape = z.object({
  /** A lean stand-in leaves this out, and the mode. */
  object: z.literal('checkout.session').optional(),
  id: word,
  mode: word.nullish(),
  /** `open` until the customer has finished, then `complete`; or `expired`. */
  status: text,
  payment_status: z.enum(['paid', 'unpaid', 'no_payment_required']),
  /** A lean stand-in leaves it to the event or the key. */
  livemode: z.boolean().optional(),
  currency: text,
  amount_subtotal: amount,
  amount_total: amount,
  customer: ownReference,
  customer_email: text,
  customer_details: z.object({ email: text, name: text, phone: text }).nullish(),
  client_reference_id: text,
  payment_intent: reference,
  payment_link: reference,
  subscription: reference,
  // The shipping address moved twice: `shipping` until 2022, `shipping_details`, and from 2025-03-31.basil
  // on `collected_information.shipping_details`.
  collected_information: z.object({ shipping_details: json }).nullish(),
  shipping_details: json,
  shipping: json,
  custom_fields: json,
  shipping_cost: json,
  total_details: json,
  /** Since 2025-03-31.basil. */
  presentment_details: json,
  metadata: json,
});

export type CheckoutSession = z.infer<typeof checkoutSessionShape>;

/** https://docs.stripe.com/api/checkout/sessions/line_items. Discount and tax are absent before 2022. */
const lineItemShape = z.object({
  id: word,
  description: text,
  quantity: amount,
  amount_subtotal: z.int(),
  amount_discount: z.int().default(0),
  amount_tax: z.int().default(0),
  amount_total: z.int(),
  currency: word,
  price: z
    .object({
      id: ownId,
      product: ownReference,
      unit_amount: amount,
      currency: text,
    })
    .nullish(),
  /** Since 2025-12-15.clover. */
  metadata: json,
});

export type SessionLineItem = z.infer<typeof lineItemShape>;

/** All that an attempt asks of the session: a lean stand-in for Stripe may answer with little more. */
const paymentShape = checkoutSessionShape.pick({ payment_status: true });

interface SessionWithItems {
  readonly session: z.infer<typeof paymentShape>;
  /** All of them, in Stripe's order. */
  readonly lineItems: readonly SessionLineItem[];
}

/**
 * @param whose what holds it, as the error names that
 * @throws {BadRequest} when it can't be read
 */
export function readSession(given: unknown, whose?: string): CheckoutSession {
  return read(checkoutSessionShape, given, whose);
}

/** Without its items; null where Stripe has no such session. Account and errors are as below. */
export async function retrieveSession(
  stripe: Stripe,
  id: string,
  { account, timeoutMs, retries }: { account: string | null; timeoutMs: number; retries: number },
): Promise<CheckoutSession | null> {
  const options = { ...ofAccount(account), timeout: timeoutMs, maxNetworkRetries: retries };
  try {
    return readSession(await retrieve(stripe, id, {}, options));
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError && error.statusCode === 404) return null;
    throw error;
  }
}

/**
 * @param account the connected account that the session belongs to; null for the shop's own
 * @throws {BadRequest} when the answer can't be read
 * @throws {Stripe.errors.StripeError} when the API refuses or can't be reached
 */
export async function retrieveSessionWithItems(
  stripe: Stripe,
  id: string,
  account: string | null,
): Promise<SessionWithItems> {
  const options = ofAccount(account);
  const found = await retrieve(stripe, id, { expand: ['line_items'] }, options);
  const session = read(paymentShape, found);
  // An expanded list is only its first page. Most carts end there, and so cost one request instead of two. A stand-in that
  // expands nothing may have anything there.
  const firstPage = found.line_items;
  const items =
    firstPage?.data && !firstPage.has_more ? firstPage.data : await listAllLineItems(stripe, id, options);
  // Pages that overlap, as a stand-in's may, tell of an item twice: the receiver was sent it twice, and once on the next attempt.
  const once = new Map(items.map((item) => [item.id, item]));
  return { session, lineItems: [...once.values()].map((item) => read(lineItemShape, item)) };
}

/** What is at STRIPE_API_BASE may answer with another session, which is paid. A lean stand-in may leave the id out. */
async function retrieve(
  stripe: Stripe,
  id: string,
  params: Stripe.Checkout.SessionRetrieveParams,
  options: Stripe.RequestOptions,
): Promise<Stripe.Checkout.Session> {
  const found = await stripe.checkout.sessions.retrieve(id, params, options);
  if ((found.id ?? id) !== id) throw unreadable('it is not the session that was asked for');
  return found;
}

function ofAccount(account: string | null): Stripe.RequestOptions {
  return account === null ? {} : { stripeAccount: account };
}

/** Stripe allows a session 100. A stand-in that gives one page again and again took the whole heap, and with it the process. */
const MOST_ITEMS = 10_000;

async function listAllLineItems(
  stripe: Stripe,
  id: string,
  options: Stripe.RequestOptions,
): Promise<Stripe.LineItem[]> {
  const items: Stripe.LineItem[] = [];
  for await (const item of stripe.checkout.sessions.listLineItems(id, { limit: 100 }, options)) {
    if (items.length === MOST_ITEMS) throw new Error("Stripe's list of line items has no end");
    items.push(item);
  }
  return items;
}

function read<T>(shape: z.ZodType<T>, value: unknown, whose?: string): T {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  throw unreadable(describeIssues(parsed.error), whose);
}

function unreadable(why: string, whose = "Stripe's answer"): BadRequest {
  return new BadRequest('session_unreadable', `${whose} can't be read: ${why}.`);
}
