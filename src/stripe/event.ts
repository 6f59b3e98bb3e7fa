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

  /** Stripe's test of whether an endpoint can be reached, which is a thin event always: https://docs.stripe.com/api/v2/core/events/ping. */
  get isPing(): boolean {
    return this.names?.type === 'v2.core.event_destination.ping';
  }
}

/** @throws {NotAnEvent} */
export function readEvent(body: unknown): StripeEvent {
  const parsed = eventShape.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new NotAnEvent(`The body is not a Stripe event: ${describeIssues(parsed.error)}.`, body);
}

/**
 * An event that Stripe's API gave us, where our key vouches for it. Neither the client's version nor the endpoint's gave it
 * its shape, but the one that was the account's default when it was created.
 * @throws {BadRequest}
 */
export function eventOfApi(given: unknown): SignedEvent {
  return { event: readEvent(given), payload: Buffer.from(JSON.stringify(given)) };
}
