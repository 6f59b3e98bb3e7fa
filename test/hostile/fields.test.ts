import { afterAll, describe, expect, test } from '@jest/globals';
import { openPool } from '../../src/db/knex.ts';
import { createApp } from '../../src/http/app.ts';
import { webhookListener } from '../../src/http/webhook.ts';
import { openLedger } from '../../src/orders/ledger.ts';
import { inconsistencies } from '../support/audit.ts';
import { createTestDatabase } from '../support/database.ts';
import { serve } from '../support/http.ts';
import { silent } from '../support/log.ts';
import { checkoutSession, events, SECRET, signatureOf } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';
import { eventFields, hostileValues, sessionFields, withField } from './values.ts';

const { db, url } = await createTestDatabase();
const pool = openPool(url, { kind: 'web', max: 2, log: silent });
afterAll(() => pool.destroy());
const dependencies = { record: openLedger(pool), secrets: [SECRET], livemode: false, log: silent };
const origin = await serve(webhookListener(dependencies, createApp([], silent)));

/** What a column keeps of a field's value. */
type Reading = (value: unknown) => unknown;
const refused = Symbol('refused');

const orNull =
  (reading: Reading): Reading =>
  (value) =>
    value == null ? null : reading(value);
const word: Reading = (value) =>
  typeof value === 'string' && /^[\x20-\x7e]{1,255}$/.test(value) ? value : refused;
const text = orNull((value) => (typeof value === 'string' ? value : refused));
/** In an index, whose entries have no room for 900,000 characters. */
const indexed = orNull((value) => (typeof value === 'string' && value.length < 1_000 ? value : refused));
const amount = orNull((value) => (Number.isSafeInteger(value) ? Number(value) + 0 : refused));
const idOf: Reading = (value) => (typeof value === 'object' ? (value as { id?: unknown }).id : value);
const reference = orNull((value) => word(idOf(value)));
/** The shop may have given it itself. */
const ownReference = orNull((value) => text(idOf(value) ?? refused));
const json = orNull((value) => (isDeeper(value, 100) ? refused : JSON.parse(JSON.stringify(value))));

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** The fields that an order takes over as they are, each in a column of its own. */
const columns: Readonly<Record<string, readonly [column: string, reading: Reading]>> = {
  currency: ['currency', text],
  amount_subtotal: ['amount_subtotal', amount],
  amount_total: ['amount_total', amount],
  customer: ['customer_id', ownReference],
  'customer_details.email': ['customer_email', indexed],
  'customer_details.name': ['customer_name', text],
  client_reference_id: ['client_reference_id', indexed],
  payment_intent: ['payment_intent_id', reference],
  payment_link: ['payment_link_id', reference],
  subscription: ['subscription_id', reference],
  'customer_details.phone': ['customer_phone', text],
  shipping_cost: ['shipping_cost', json],
  presentment_details: ['presentment_details', json],
  'collected_information.shipping_details': ['shipping_details', json],
  custom_fields: ['custom_fields', json],
  total_details: ['total_details', json],
  metadata: ['metadata', json],
};

/** As PostgreSQL can keep it: no U+0000 and no half surrogates, which the list of values has as escapes alone. */
function meaningOf(json: string | undefined): unknown {
  return json === undefined ? undefined : JSON.parse(json.replaceAll(/\\u(?:0000|d800|dc00)/g, '\\ufffd'));
}

const deliveries = new Map<string, ReturnType<typeof deliverAll>>();
/** Once for each field, whoever looks at them. */
function deliveriesOf(field: string): ReturnType<typeof deliverAll> {
  const all = deliveries.get(field) ?? deliverAll(field);
  deliveries.set(field, all);
  return all;
}

/** One event for each value of the list in this field, and one without the field: delivered at once, and what became of each. */
async function deliverAll(field: string) {
  return Promise.all(
    [...hostileValues, undefined].map(async (value) => {
      const event = events.completedPaid(checkoutSession());
      const payload = withField(event, field, value);
      // As Stripe does: again, where a busy machine has used up the time that an answer has.
      const answer = await until('it is answered', async () => {
        const answer = await fetch(`${origin}/webhook`, {
          method: 'POST',
          headers: { 'stripe-signature': signatureOf(payload) },
          body: payload,
        });
        return answer.status !== 503 && answer;
      });
      const { error } = (await answer.json()) as { error?: { code: string; message: string } };
      const eventId = field === 'id' ? meaningOf(value) : event.id;
      const sessionId = field === 'data.object.id' ? meaningOf(value) : event.data.object.id;
      const isText = typeof eventId === 'string' && typeof sessionId === 'string';
      const kept = isText ? await keptEvent(eventId) : undefined;
      const order = isText ? await db('orders').where({ checkout_session_id: sessionId }).first() : undefined;
      const sent = value === undefined ? 'absent' : value.slice(0, 60);
      return { sent, value, payload, status: answer.status, error, kept, order };
    }),
  );
}

/** Its payload as text: Node 24 can't write one of 1,000s of levels. */
function keptEvent(id: string): Promise<{ outcome: string; payload: string } | undefined> {
  return db('stripe_events').where({ id }).first('outcome', db.raw('payload::text'));
}

type Delivered = Awaited<ReturnType<typeof deliverAll>>[number];

/** All of it, or nothing of it and a reason that names a field, or says that there is none, and repeats no value. */
function expectWhole({ sent, value, payload, status, error, kept, order }: Delivered) {
  if (status === 200) {
    expect({ sent, kept: kept?.outcome }).toEqual({ sent, kept: order ? 'applied' : 'ignored' });
    expect(kept?.payload).toBe(payload);
    return;
  }
  expect({ sent, status, kept, order }).toEqual({ sent, status: 400, kept: undefined, order: undefined });
  expect(error?.code).toMatch(/^(not_an_event|session_unreadable|event_unstorable)$/);
  expect(error?.message).toMatch(
    /^(The event's checkout session can't be read: [\w.]+: |The body is not a Stripe event: [\w.]+: |PostgreSQL can't hold )/,
  );
  expect(error?.message.length).toBeLessThan(300);
  if (value !== undefined && value.length > 10) expect(error?.message).not.toContain(value.slice(0, 60));
}

describe('a signed event is recorded whole or refused whole, whatever stands in', () => {
  test.each([...eventFields, ...sessionFields.map((field) => `data.object.${field}`)])(
    '%s',
    async (field) => {
      const before = await totals();
      const delivered = await deliveriesOf(field);
      for (const one of delivered) expectWhole(one);
      const kept = delivered.filter(({ status }) => status === 200);
      const ordered = kept.filter(({ order }) => order !== undefined).length;
      expect(await totals()).toEqual({
        events: before.events + kept.length,
        orders: before.orders + ordered,
        fulfillments: before.fulfillments + ordered,
      });
      expect(await inconsistencies(db)).toEqual([]);
    },
  );
});

describe('an order says what its session says, of', () => {
  test.each(Object.entries(columns))('%s', async (field, [column, reading]) => {
    const usual = await usualOrder();
    for (const { sent, value, order } of await deliveriesOf(`data.object.${field}`)) {
      const expected = reading(meaningOf(value));
      const { found, others } = takenApart(order, column);
      expect({ sent, found }).toEqual({ sent, found: expected });
      if (expected !== refused) expect(others).toEqual(takenApart(usual, column).others);
    }
  });

  async function usualOrder() {
    const [usual] = await deliveriesOf('data.object.no_such_field');
    return usual?.order;
  }

  /** Without what differs from order to order. */
  function takenApart(order: Record<string, unknown> | undefined, column: string) {
    if (order === undefined) return { found: refused, others: null };
    const { id, checkout_session_id, created_at, updated_at, paid_at, [column]: found, ...others } = order;
    return { found, others };
  }
});

async function totals() {
  const { rows } = await db.raw(`select
    (select count(*) from stripe_events) as events,
    (select count(*) from orders) as orders,
    (select count(*) from fulfillments) as fulfillments`);
  return rows[0] as { events: number; orders: number; fulfillments: number };
}
