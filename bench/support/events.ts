import { createHmac, randomBytes } from 'node:crypto';
import { cartOf, checkoutOf } from '../../src/sandbox/carts.ts';
import { sessionEvent } from '../../src/sandbox/events.ts';
import { newLineItem, newSession } from '../../src/sandbox/session-object.ts';
import { sessionParams } from '../../src/sandbox/session-params.ts';
import { complete } from '../../src/sandbox/sessions.ts';

export const WEBHOOK_SECRET = 'whsec_bench';

/** A delivery ready to be written to a socket: request line, headers, and a body that Stripe might have sent. */
export type Delivery = Buffer;

const CARTS = 6;
const EVENT_ID = /evt_1\w{23}/;
export const SESSION_ID = /cs_test_a1\w{56}/;
const BEFORE_EMAIL = /(?<="email": ")/;

/** An open session in which a cart is bought, and its items. */
export function sessionOf(index: number) {
  const params = sessionParams.parse(checkoutOf(cartOf(index), index));
  const lineItems = params.line_items.map(newLineItem);
  return { session: newSession(params, lineItems, []), lineItems };
}

/** Bodies of six carts, cut where their ids were and before the e-mail address: about 4 kB of indented JSON each. */
function templateOf(index: number): readonly string[] {
  const completed = complete(sessionOf(index).session, cartOf(index).buyer, 'paid');
  const body = JSON.stringify(sessionEvent('checkout.session.completed', completed), null, 2);
  const [beforeEvent = '', afterEvent = ''] = body.split(EVENT_ID);
  const [between = '', afterSession = ''] = afterEvent.split(SESSION_ID);
  const [beforeEmail = '', end = ''] = afterSession.split(BEFORE_EMAIL);
  return [beforeEvent, between, beforeEmail, end];
}

const templates = Array.from({ length: CARTS }, (_, i) => templateOf(i));

/** Random letters and digits: Stripe's ids reach an index at any place, too. */
function randomText(length: number): string {
  let text = '';
  while (text.length < length) text += randomBytes(length).toString('base64url').replaceAll(/[-_]/g, '');
  return text.slice(0, length);
}

/** A paid session's body with ids, and a customer, that nobody has seen. */
export function paidBody(index: number): string {
  const [beforeEvent, between, beforeEmail, end] = templates[index % CARTS] as readonly string[];
  return `${beforeEvent}evt_1${randomText(23)}${between}cs_test_a1${randomText(56)}${beforeEmail}${randomText(7)}.${end}`;
}

/** So many deliveries of paid sessions, no two alike, signed at this moment: good for 300 seconds. */
export function freshDeliveries(count: number): Delivery[] {
  const timestamp = Math.floor(Date.now() / 1_000);
  return Array.from({ length: count }, (_, index) => delivery(paidBody(index), timestamp));
}

/** As many deliveries as are asked for, each signed when it is: for a load that outlasts a signature. */
export function* endlessDeliveries(): Generator<Delivery, never> {
  for (let index = 0; ; index += 1) yield delivery(paidBody(index), Math.floor(Date.now() / 1_000));
}

/** The event and the session that a delivery speaks of. */
export function idsOf(sent: Delivery): { event: string; session: string } {
  const text = sent.toString('latin1');
  return { event: EVENT_ID.exec(text)?.[0] as string, session: SESSION_ID.exec(text)?.[0] as string };
}

function delivery(body: string, timestamp: number): Delivery {
  const bytes = Buffer.from(body);
  const signature = createHmac('sha256', WEBHOOK_SECRET).update(`${timestamp}.`).update(bytes).digest('hex');
  const head = [
    'POST /webhook HTTP/1.1',
    'Host: localhost',
    'User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${bytes.length}`,
    'Accept: */*; q=0.5, application/xml',
    `Stripe-Signature: t=${timestamp},v1=${signature}`,
    '\r\n',
  ].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
}
