import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { BadRequest, messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { requestOf } from '../orders/handlers.ts';
import type { Ledger, Recorded } from '../orders/ledger.ts';
import { type EventNames, NotAnEvent, namesOf } from '../stripe/event.ts';
import { verifyEvent } from '../stripe/signature.ts';
import { inTurns } from '../turns.ts';
import { within } from '../within.ts';
import { answerJson } from './answer.ts';
import { type Room, readBody } from './body.ts';
import { answerError } from './errors.ts';

/** Stripe's events are far smaller; its own limit is not documented. */
const MAX_BODY = 1024 * 1024;
const room: Room = { usual: 192 * MAX_BODY, large: 64 * MAX_BODY };

/**
 * Checkout holds the customer's redirect for up to 10 s until this endpoint has answered
 * (https://docs.stripe.com/checkout/fulfillment): every answer is out within 5 s, whatever fails.
 */
const ANSWER_WITHIN_MS = 4_000;

/** Deliveries taken apart between two looks at the network: 0.3 ms. */
const turn = inTurns(4);

/** What became of a delivery, for whoever counts or watches. */
export interface Delivery {
  /** Null where none was verified, or it has no name. */
  readonly event: EventNames | null;
  /** Null where it was not recorded. */
  readonly recorded: Recorded | null;
  /** Why it was refused, as it was answered. Null where it was taken, or could not be. */
  readonly refusal: BadRequest | null;
  readonly signature: string | undefined;
  readonly status: number;
  /** When it was answered, on this process's clock, in milliseconds; and what that took. */
  readonly at: number;
  readonly seconds: number;
  /** How much of that was after the event was handed to the ledger; null where it was not. */
  readonly waitedSeconds: number | null;
}

interface Dependencies {
  readonly record: Ledger;
  readonly secrets: readonly string[];
  readonly livemode: boolean;
  readonly onDelivery?: (delivery: Delivery) => void;
  readonly log: Logger;
}

/**
 * Whatever the query says: Stripe adds one while an endpoint's API version is upgraded. A proxy may write the whole URL (RFC
 * 9112, 3.2.2).
 */
const PATH = /^(?:https?:\/\/[^/?#]+)?\/webhook\/?(?:\?|$)/i;

/**
 * Takes Stripe's deliveries, and hands every other request on. It is no route of Express: that and its body parser took
 * 25 us of the 130 us that an event cost this process, most of it for the prototypes that Express gives each request.
 */
export function webhookListener(dependencies: Dependencies, others: RequestListener): RequestListener {
  return (req, res) => {
    if (!PATH.test(req.url ?? '')) return others(req, res);
    if (req.method === 'POST') return void receive(req, res, dependencies);
    const error = { code: 'method_not_allowed', message: 'Use POST.' };
    answerJson(res, 405, { error }, { Allow: 'POST' });
  };
}

async function receive(
  req: IncomingMessage,
  res: ServerResponse,
  { record, secrets, livemode, onDelivery, log }: Dependencies,
): Promise<void> {
  const began = performance.now();
  let event: EventNames | null = null;
  let handedOver: number | null = null;
  let recorded: Recorded | null = null;
  let refusal: BadRequest | null = null;
  try {
    using body = await readBody(req, MAX_BODY, room);
    await turn();
    const signed = verifyEvent(body.bytes, signatureOf(req), secrets);
    event = namesOf(signed.event);
    const request = requestOf(signed.event, livemode);
    handedOver = performance.now();
    recorded = await within(ANSWER_WITHIN_MS, record({ source: 'webhook', signed, request }));
    log.info({ ...event, ...recorded }, 'event recorded');
    answerJson(res, 200, { received: true });
  } catch (error) {
    if (error instanceof NotAnEvent) event = error.names;
    if (error instanceof NotAnEvent && error.isPing) {
      log.info({ ...event }, 'ping answered');
      answerJson(res, 200, { received: true });
    } else {
      if (error instanceof BadRequest) refusal = error;
      const report = { ...event, reason: messageOf(error) };
      if (event === null) log.warn(report, 'delivery refused');
      else if (refusal !== null) log.error(report, 'event refused');
      else log.error(report, 'event not known to be kept; Stripe will send it again');
      answerError(res, error, log);
    }
  }
  const ended = performance.now();
  onDelivery?.({
    event,
    recorded,
    refusal,
    signature: signatureOf(req),
    status: res.statusCode,
    at: Date.now(),
    seconds: (ended - began) / 1_000,
    waitedSeconds: handedOver === null ? null : (ended - handedOver) / 1_000,
  });
}

/** One string: Node joins a header that was sent twice by a comma, as Stripe joins its signatures. */
function signatureOf(req: IncomingMessage): string | undefined {
  return req.headers['stripe-signature'] as string | undefined;
}
