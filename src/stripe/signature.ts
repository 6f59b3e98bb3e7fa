import Stripe from 'stripe';
import { BadRequest } from '../errors.ts';
import { NotAnEvent, readEvent, type SignedEvent } from './event.ts';

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
  return { event: readEvent(signedBy(utf8Of(body), signature, secrets)), payload: body };
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
      return Stripe.webhooks.constructEvent(payload, signature, secret);
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
    return Stripe.webhooks.signature?.verifyHeader(payload, signature, secret) === true;
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
