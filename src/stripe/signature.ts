import Stripe from 'stripe';
import { z } from 'zod';
import { BadRequest } from '../errors.ts';
import { describeIssues, ownId, word } from './shapes.ts';

/** What all snapshot events share: https://docs.stripe.com/api/events/object. */
const eventShape = z.object({
  object: z.literal('event'),
  id: word,
  type: word,
  api_version: word.nullish(),
  account: word.nullish(),
  created: z.int().min(0).max(253_402_300_799),
  livemode: z.boolean(),
  // Not an object of zod's, which would copy each of its fields: 7 us an event instead of 1.
  data: z.object({ object: z.custom<StripeObject>(isStripeObject, 'is no object of Stripe') }),
});

/** What an event is about: its own shape is checked by whoever reads more of it. */
interface StripeObject {
  readonly object?: string;
  readonly id?: string | null;
  readonly [field: string]: unknown;
}

function isStripeObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { object, id } = value as Record<string, unknown>;
  const idShape = object === undefined || object === 'checkout.session' ? word : ownId;
  return (
    (object === undefined || typeof object === 'string') && (id == null || idShape.safeParse(id).success)
  );
}

export type StripeEvent = z.infer<typeof eventShape>;

/** An event that Stripe signed, or that its API gave us, with the bytes that carried it. */
export interface SignedEvent {
  readonly event: StripeEvent;
  readonly payload: Buffer;
}

/** What an event is named by, where a person is told of it. */
export interface EventNames {
  readonly event_id: string;
  readonly type: string;
  /** Undefined: it is about something else. */
  readonly checkout_session_id: string | null | undefined;
}

export function namesOf(event: StripeEvent): EventNames {
  return { event_id: event.id, type: event.type, checkout_session_id: sessionIdOf(event) };
}

/** Undefined: the event is about something else. */
export function sessionIdOf(event: StripeEvent): string | null | undefined {
  return isAboutSession(event) ? event.data.object.id : undefined;
}

/** A lean stand-in leaves it to the event's type to say what the object is. */
export function isAboutSession({ type, data: { object } }: StripeEvent): boolean {
  return object.object === undefined
    ? type.startsWith('checkout.session.')
    : object.object === 'checkout.session';
}

/** What a thin event has in common with others, and where it names its session: https://docs.stripe.com/api/v2/core/events/object. */
const namedShape = z.object({
  id: word,
  type: word,
  related_object: z
    .object({ type: z.literal('checkout.session'), id: word })
    .optional()
    .catch(undefined),
});

/** Stripe has signed it, or its API gave it to us, and it is no snapshot event. */
export class NotAnEvent extends BadRequest {
  /** What it calls itself; null where it has no name. */
  readonly names: EventNames | null;

  constructor(message: string, body: unknown) {
    super('not_an_event', message);
    const { data: named } = namedShape.safeParse(body);
    this.names = named
      ? { event_id: named.id, type: named.type, checkout_session_id: named.related_object?.id }
      : null;
  }
}

const webhooks = Stripe.webhooks;

/**
 * Strict, and here instead of in the stripe package: that drops a byte order mark and replaces what is no
 * UTF-8, and so would accept a body whose bytes were altered.
 */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The only way from a delivery's bytes to an event. Any of several secrets may have signed it: an endpoint's old
 * and new one while it is rolled, or the Dashboard's beside that of `stripe listen`. A signature is good for 300
 * seconds (https://docs.stripe.com/webhooks#replay-attacks).
 * @throws {BadRequest}
 */
export function verifyEvent(
  body: Buffer,
  signature: string | undefined,
  secrets: readonly string[],
): SignedEvent {
  if (!signature) throw new BadRequest('signature_missing', 'The Stripe-Signature header is missing.');
  return { event: shapeOf(signedBy(utf8Of(body), signature, secrets)), payload: body };
}

/**
 * An event that Stripe's API gave us, where our key vouches for it. Neither the client's version nor the endpoint's gave it
 * its shape, but the one that was the account's default when it was created.
 * @throws {BadRequest}
 */
export function eventOfApi(given: unknown): SignedEvent {
  return { event: shapeOf(given), payload: Buffer.from(JSON.stringify(given)) };
}

function utf8Of(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch {
    throw new BadRequest('signature_invalid', 'The body is not UTF-8, so Stripe did not sign it.');
  }
}

function signedBy(payload: string, signature: string, secrets: readonly string[]): unknown {
  let expired = false;
  for (const secret of secrets) {
    try {
      return webhooks.constructEvent(payload, signature, secret);
    } catch (error) {
      if (!isMismatch(error) && isSigned(payload, signature, secret)) throw notASnapshot(payload, error);
      expired ||= isExpiry(error);
    }
  }
  throw expired
    ? new BadRequest(
        'signature_expired',
        'The signature is too old: its timestamp is outside the tolerance of 300 seconds.',
      )
    : new BadRequest('signature_invalid', 'No configured secret made this signature for this body.');
}

const isMismatch = (error: unknown) => error instanceof Stripe.errors.StripeSignatureVerificationError;

/**
 * Whether the signature is right, where constructEvent fails by something else. That alone does not tell: the header
 * `t=1,v1`, which anybody can send, makes it fail so too.
 */
function isSigned(payload: string, signature: string, secret: string): boolean {
  try {
    return webhooks.signature?.verifyHeader(payload, signature, secret) === true;
  } catch {
    return false;
  }
}

function notASnapshot(payload: string, error: unknown): NotAnEvent {
  if (error instanceof SyntaxError)
    return new NotAnEvent('The signature is right, but the body is no JSON.', null);
  const words =
    "The signature is right, but the body is a thin event, which says nothing of a payment: the endpoint's payload style must be Snapshot.";
  return new NotAnEvent(words, JSON.parse(payload));
}

/** The package has one error class for every refusal; its message alone tells an old signature from a wrong one. */
const isExpiry = (error: unknown) => isMismatch(error) && error.message.startsWith('Timestamp outside');

function shapeOf(body: unknown): StripeEvent {
  const parsed = eventShape.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new NotAnEvent(`The body is not a Stripe event: ${describeIssues(parsed.error)}.`, body);
}
