import type { Knex } from '../db/knex.ts';
import type { Order } from '../orders/order.ts';

/** A person's order, with the ids by which events speak of it. */
type TracedOrder = Pick<Order, 'id' | 'checkout_session_id' | 'payment_intent_id' | 'customer_id'>;

/** What the database keeps of a person. */
export interface Traces {
  readonly orders: readonly TracedOrder[];
  /** Ids of the events whose payload speaks of them. */
  readonly events: readonly string[];
}

/** Events of a step, which takes some 0.2 s. */
const STEP = 5_000;

/** By their address, in any case. */
export async function findTraces(db: Knex, email: string): Promise<Traces> {
  const { rows: orders } = await db.raw<{ rows: TracedOrder[] }>(
    `select id, checkout_session_id, payment_intent_id, customer_id from orders
     where lower(customer_email) = lower(:email)
     order by id`,
    { email },
  );
  return { orders, events: await eventsNaming(db, email, orders) };
}

/**
 * Reads every payload that is still kept, 45 us each: an event about a payment or a customer belongs to no session, and
 * names the person all the same. The ids of their orders are looked up among the payload's JSON strings: as alternatives of the
 * regular expression, those of 50 orders made a step 20 times as long as those of one, and those of 200 a hundred times.
 */
async function eventsNaming(db: Knex, email: string, orders: readonly TracedOrder[]): Promise<string[]> {
  const named = { address: patternOf(email), ids: orders.flatMap(idsOf) };
  const found: string[] = [];
  let last = { id: '', at: '-infinity' };
  for (;;) {
    const { rows } = await db.raw<{ rows: { id: string; at: string; named: boolean }[] }>(
      `select id, received_at::text as at,
         payload::text ~* :address
           or exists (select from string_to_table(payload::text, '"') as string where string = any (:ids)) as named
       from stripe_events
       where payload is not null and (received_at, id) > (cast(:at as timestamptz), :id)
       order by received_at, id
       limit :step`,
      { ...named, ...last, step: STEP },
    );
    found.push(...rows.filter(({ named }) => named).map(({ id }) => id));
    last = rows.at(-1) ?? last;
    if (rows.length < STEP) return found;
  }
}

/** A customer's may be the shop's own, in any letters. */
function idsOf({ checkout_session_id, payment_intent_id, customer_id }: TracedOrder): string[] {
  const ids = [checkout_session_id, payment_intent_id, customer_id, customer_id && inAscii(customer_id)];
  return ids.filter((id) => id !== null);
}

/** A regular expression of PostgreSQL's that finds the address as a word of its own: ann@example.com, but not joann@example.com. */
export function patternOf(email: string): string {
  const addresses = [email, inAscii(email), encodeURIComponent(email)].map(literal).join('|');
  // The escapes of JSON end in a letter or a digit that is no part of a word, and a ' may be a mark of quotation.
  const begins = `((?<![\\w.'+-])|(?<=\\\\[bfnrt])|(?<=\\\\u[0-9a-f]{4})|(?<=(^|[^\\w.+-])'))`;
  return `${begins}(${addresses})(?![\\w-]|\\.\\w)`;
}

/** As JSON may have it: Stripe writes \u00fc for ü. */
function inAscii(text: string): string {
  return text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function literal(text: string): string {
  return text.replace(/[^\p{L}\p{N}]/gu, '\\$&');
}
