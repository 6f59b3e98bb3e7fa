import { beforeEach, expect, test } from '@jest/globals';
import { findTraces } from '../../src/ops/traces.ts';
import { createTestDatabase } from '../support/database.ts';
import { insertOrder } from '../support/orders.ts';

const { db } = await createTestDatabase();

beforeEach(() => db.raw('truncate stripe_events, orders cascade'));

/** An event that has each text somewhere in its payload. */
async function eventsWith(...texts: string[]): Promise<void> {
  const rows = texts.map((text, i) => ({
    id: `evt_${i}`,
    type: 'charge.updated',
    livemode: false,
    created_at: db.fn.now(),
    outcome: 'ignored',
    payload: JSON.stringify({ note: text }),
  }));
  await db('stripe_events').insert(rows);
}

test.each([
  ['itself, in any case', 'ANN.lee@example.com', true],
  ['itself within a text', 'a charge for <ann.lee@example.com>.', true],
  ['another one that ends with it', 'jo-ann.lee@example.com', false],
  ['another one that ends with it after a plus', 'x+ann.lee@example.com', false],
  ['another one that begins with it', 'ann.lee@example.com.au', false],
  ['itself after a line feed', 'a gift for\nann.lee@example.com', true],
  ['itself in marks of quotation', "a refund for 'ann.lee@example.com'", true],
  ['itself in an address of the web', 'email=ann.lee%40example.com&n=1', true],
  ['another one with an apostrophe in it', "o'ann.lee@example.com", false],
  ['one that its dot would stand for', 'annXlee@example.com', false],
])('in a payload an address is found as %s: %s, %s', async (_what, text, found) => {
  await eventsWith(text);
  expect((await findTraces(db, 'ann.lee@example.com')).events).toEqual(found ? ['evt_0'] : []);
});

test('in a payload that escapes a bracket an address is found', async () => {
  await eventsWith('');
  await db('stripe_events').update({ payload: String.raw`{"to":"\u003cann.lee@example.com\u003e"}` });
  expect((await findTraces(db, 'ann.lee@example.com')).events).toEqual(['evt_0']);
});

test('the ids of the orders are found whole', async () => {
  await insertOrder(db, {
    checkout_session_id: 'cs_test_1',
    customer_email: 'Ann.Lee@example.com',
    customer_id: 'cus_1',
    payment_intent_id: 'pi_1',
  });
  await eventsWith('cs_test_1', 'pi_1', 'cus_1', 'cs_test_12', 'cusX1', 'about cus_1');
  const { orders, events } = await findTraces(db, 'ann.lee@example.com');
  expect(orders).toMatchObject([{ checkout_session_id: 'cs_test_1' }]);
  expect(events).toEqual(['evt_0', 'evt_1', 'evt_2']);
});

test("so is a customer's, in letters of the shop's own, as Stripe writes it and as others do", async () => {
  await insertOrder(db, { customer_email: 'ann.lee@example.com', customer_id: 'kunde-Müller' });
  await eventsWith('kunde-Müller', '', 'kunde-Muller');
  await db('stripe_events').where({ id: 'evt_1' }).update({ payload: '{"customer":"kunde-M\\u00fcller"}' });
  expect((await findTraces(db, 'ann.lee@example.com')).events).toEqual(['evt_0', 'evt_1']);
});

test('however many events there are, and however many came in at one moment', async () => {
  await db.raw(
    `insert into stripe_events (id, type, livemode, created_at, received_at, outcome, payload)
     select 'evt_' || lpad(n::text, 5, '0'), 'charge.updated', false, now(), now() - interval '1 s' * (n < 5000)::int, 'ignored',
       case when n in (1, 5000, 5001, 10002) then '{"email":"ann@example.com"}' else '{}' end::json
     from generate_series(1, 10002) as n`,
  );
  const { events } = await findTraces(db, 'ann@example.com');
  expect(events).toEqual(['evt_00001', 'evt_05000', 'evt_05001', 'evt_10002']);
});

test('however many orders the person has', async () => {
  await db.raw(
    `insert into orders (checkout_session_id, status, payment_status, mode, livemode, customer_email, payment_intent_id, paid_at)
     select 'cs_test_' || n, 'paid', 'paid', 'payment', false, 'ann@example.com', 'pi_' || n, now()
     from generate_series(1, 2000) as n`,
  );
  await db.raw(
    `insert into stripe_events (id, type, livemode, created_at, received_at, outcome, payload)
     select 'evt_' || n, 'charge.updated', false, now(), now(), 'ignored',
       json_build_object('note', repeat('word ', 100), 'payment_intent', 'pi_' || n)
     from generate_series(2000, 2999) as n`,
  );
  expect((await findTraces(db, 'ann@example.com')).events).toEqual(['evt_2000']);
});
