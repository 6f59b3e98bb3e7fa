import type { Knex } from '../../src/db/knex.ts';
import { requestOf } from '../../src/orders/handlers.ts';
import { type News, openLedger } from '../../src/orders/ledger.ts';
import type { StripeEvent } from '../../src/stripe/event.ts';
import type { EventJson } from './stripe-events.ts';

interface Options {
  /** The mode of the key of the service that it is delivered to. */
  readonly livemode?: boolean;
}

/** What a delivery of the event brings the ledger. */
export function newsOf(json: EventJson, { livemode = false }: Options = {}): News {
  const event = json as unknown as StripeEvent;
  const payload = Buffer.from(JSON.stringify(json));
  return { source: 'webhook', signed: { event, payload }, request: requestOf(event, livemode) };
}

/** Records the event as a delivery does, and returns its id. */
export async function recordEvent(db: Knex, json: EventJson, options?: Options): Promise<string> {
  await openLedger(db)(newsOf(json, options));
  return json.id;
}
