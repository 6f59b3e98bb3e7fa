import Stripe from 'stripe';
import { SetupError } from '../errors.ts';
import { atStripesPace } from './rate-limit.ts';
import { idOf } from './shapes.ts';

/** Stripe's largest page. */
const PAGE = 100;

/** A run has many pages, and one hiccup must not end it. */
const PATIENT: Stripe.RequestOptions = { maxNetworkRetries: 3 };

/** What the objects of a list have in common. `created` is in seconds. */
export interface Listed {
  readonly id: string;
  readonly created: number;
}

interface ListParams extends Stripe.PaginationParams {
  created?: Stripe.RangeQueryParam;
}

/** One of Stripe's lists, the newest object first. */
export type List<T extends Listed> = (
  params: ListParams,
) => Promise<{ readonly data: readonly T[]; readonly has_more: boolean }>;

/** Events of these types, of the shop's own account; Stripe has those of the last 30 days. */
export function eventList(stripe: Stripe, types: readonly string[]): List<Stripe.Event> {
  return (params) => permitted('Events', () => stripe.events.list({ types: [...types], ...params }, PATIENT));
}

/** Those of them that an endpoint has not acknowledged. */
export function undeliveredEventList(stripe: Stripe, types: readonly string[]): List<Stripe.Event> {
  const filter = { types: [...types], delivery_success: false };
  return (params) => permitted('Events', () => stripe.events.list({ ...filter, ...params }, PATIENT));
}

/** Sessions whose customer has finished, of the shop's own account. */
export function completeSessionList(stripe: Stripe): List<Stripe.Checkout.Session> {
  return (params) =>
    permitted('Checkout Sessions', () =>
      stripe.checkout.sessions.list({ status: 'complete', ...params }, PATIENT),
    );
}

/**
 * The checkout session that a payment was made in, or that a subscription began with, of the shop's own account; a person waits
 * for the answer.
 */
export async function sessionBy(
  stripe: Stripe,
  field: 'payment_intent' | 'subscription',
  id: string,
): Promise<string | null> {
  const asking = stripe.checkout.sessions.list({ [field]: id }, { timeout: 4_000, maxNetworkRetries: 0 });
  try {
    // What is at STRIPE_API_BASE may not know the filter.
    const { data } = await listed(asking);
    return data.find((session) => idOf(session[field]) === id)?.id ?? null;
  } catch (error) {
    if (isRefused(error) && error.code === 'resource_missing') return null;
    throw error;
  }
}

async function permitted<Answer extends Listing>(what: string, ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await atStripesPace(() => listed(ask()));
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripePermissionError)) throw error;
    throw new SetupError(
      `STRIPE_SECRET_KEY may not read ${what}: give the restricted key the permission "Read" for ${what} in the Stripe Dashboard.`,
      { cause: error },
    );
  }
}

type Listing = Stripe.Response<{ data: unknown }>;

/**
 * The answer, if it is a list. The package takes any JSON without an `error` for an answer, whatever its status: that of
 * a proxy, say, whose Stripe is away.
 * @throws {Stripe.errors.StripeAPIError}
 */
export async function listed<Answer extends Listing>(asking: Promise<Answer>): Promise<Answer> {
  const answer = await asking;
  if (Array.isArray(answer.data)) return answer;
  const { statusCode } = answer.lastResponse;
  const message = `Stripe's answer, of status ${statusCode}, is no list`;
  throw new Stripe.errors.StripeAPIError({ type: 'api_error', message, statusCode });
}

/** Page by page, back in time. */
export async function* newestFirst<T extends Listed>(
  list: List<T>,
  created: Stripe.RangeQueryParam,
): AsyncGenerator<readonly T[]> {
  let oldest: string | undefined;
  do {
    const page = await list({ limit: PAGE, created, ...(oldest && { starting_after: oldest }) });
    if (page.data.length > 0) yield page.data;
    oldest = page.has_more ? further(oldest, page.data.at(-1)) : undefined;
  } while (oldest);
}

/**
 * Page by page, on in time, from the object `position` (which is left out).
 * @throws an error of which isRefused is true, when Stripe does not know that object (any more)
 */
export async function* oldestFirst<T extends Listed>(
  list: List<T>,
  position: string,
  created: Stripe.RangeQueryParam,
): AsyncGenerator<readonly T[]> {
  let newest: string | undefined = position;
  while (newest) {
    const page = await list({ limit: PAGE, created, ending_before: newest });
    if (page.data.length > 0) yield page.data.toReversed();
    newest = page.has_more ? further(newest, page.data[0]) : undefined;
  }
}

/** Where the next page begins. A stand-in that doesn't look where a page has to begin gives the same one again and again. */
function further(position: string | undefined, reached: Listed | undefined): string | undefined {
  if (reached && reached.id === position) throw new Error("Stripe's list has no end");
  return reached?.id;
}

/**
 * Whether Stripe takes the request for a wrong one. That of an object which it does not know has a code; that of an event
 * which it keeps no more, after 30 days, says so in words ("aged out of our retention policy"), and nothing vouches for its code.
 */
export function isRefused(error: unknown): error is Stripe.errors.StripeInvalidRequestError {
  return error instanceof Stripe.errors.StripeInvalidRequestError;
}
