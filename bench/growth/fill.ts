import type { Knex } from '../../src/db/knex.ts';
import { requestOf } from '../../src/orders/handlers.ts';
import type { StripeEvent } from '../../src/stripe/event.ts';
import { paidBody } from '../support/events.ts';

/** Orders of one transaction. Two run at a time, one on each core. */
const CHUNK = 25_000;
const AT_ONCE = 2;

/**
 * A year of a shop's life, as the service leaves it behind: three events an order, spread evenly. Indexes stand from the
 * beginning and are hit at random places, so that they are as large as in production; one built afterwards is a quarter
 * smaller. Foreign keys alone are not checked: they hold by construction, and would take a third of the time.
 *
 * Of 100 orders 92 are paid at once (and Stripe sends two events more, of types that are not handled), 8 by a delayed
 * method: `completed`, then the money or its failure, then a repeat under another id. The last week's delayed ones are
 * still open, the last 300 fulfillments are due, 200 are dead.
 */
export async function fill(db: Knex, orders: number): Promise<void> {
  const carts = JSON.stringify(Array.from({ length: 6 }, (_, cart) => cartRow(cart)));
  const begins = Array.from({ length: Math.ceil(orders / CHUNK) }, (_, i) => i * CHUNK + 1);
  const fillNext = async (): Promise<void> => {
    const first = begins.shift();
    if (first === undefined) return;
    await fillChunk(db, { carts, first, last: Math.min(first + CHUNK - 1, orders), orders });
    return fillNext();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, fillNext));
  await db.raw(`select setval(pg_get_serial_sequence('orders', 'id'), :orders)`, { orders });
  await db.raw(ACKNOWLEDGEMENTS);
}

/** A body cut where its ids were, and what the service makes of it. */
function cartRow(cart: number) {
  const body = paidBody(cart);
  const [before, between, after] = body.split(/evt_1\w{23}|cs_test_a1\w{56}/);
  const request = requestOf(JSON.parse(body) as StripeEvent, false);
  return { cart, before, between, after, ...request?.session };
}

async function fillChunk(db: Knex, chunk: Knex.ValueDict): Promise<void> {
  await db.transaction(async (trx) => {
    await trx.raw('set local session_replication_role = replica; set local synchronous_commit = off');
    await trx.raw(`
      create or replace function pg_temp.letters(seed text, length int) returns text immutable language sql as $$
        select substr(translate(encode(sha512(seed::bytea), 'base64'), E'+/=\\n', 'xY'), 1, length)
      $$`);
    await trx.raw(CHUNK_OF_ORDERS, chunk);
    for (const statement of STATEMENTS) await trx.raw(statement);
  });
}

/** Every order of the chunk with what the other tables need of it; ids are random, yet the same from the same number. */
const CHUNK_OF_ORDERS = `
  create temporary table chunk on commit drop as
  select
    n,
    cart.*,
    pg_temp.letters('session' || n, 56) as session_letters,
    now() - interval '365 days' * (1 - n::float8 / :orders) as at,
    case
      when n % 100 >= 8 then 'paid'
      when n > cast(:orders as int) * (1 - 7 / 365.0) or n % 10000 = 1 then 'awaiting_payment'
      when n % 100 = 0 then 'failed'
      else 'paid'
    end as status,
    n % 100 < 8 as delayed,
    n > cast(:orders as int) - 300 as due,
    n % greatest(cast(:orders as int) / 200, 1) = 50 as dead
  from generate_series(cast(:first as int), cast(:last as int)) as n
  join json_to_recordset(:carts) as cart (
    cart int, before text, between text, after text, currency text, amount_subtotal bigint, amount_total bigint,
    customer_email text, customer_name text, client_reference_id text, payment_intent_id text,
    shipping_details jsonb, custom_fields jsonb, total_details jsonb, metadata jsonb)
  on cart.cart = n % 6`;

/** As long as they are kept; most deliveries are answered quickly. */
const ACKNOWLEDGEMENTS = `
  insert into acknowledgements (quarter, within_ms, deliveries)
  select
    date_bin('15 minutes', received_at, 'epoch'), (array[2, 2, 2, 3, 3, 5, 7, 10, 20, 50])[1 + abs(hashtext(id) % 10)],
    count(*)
  from stripe_events
  where received_at > now() - interval '31 days'
  group by 1, 2`;

const STATEMENTS = [
  `insert into orders overriding system value
   select
     n, 'cs_test_a1' || session_letters, status, null,
     case when status = 'paid' then 'paid' else 'unpaid' end, 'payment', false, currency, amount_subtotal, amount_total,
     null,
     -- Some 600,000 customers of a million orders.
     pg_temp.letters('customer' || hashint4(n::int) % 300000, 7) || substr(customer_email, 8), customer_name,
     client_reference_id, 'pi_3' || pg_temp.letters('payment' || n, 23), null,
     shipping_details, custom_fields, total_details, metadata,
     at, case when delayed and status <> 'awaiting_payment' then at + interval '3 days' else at end,
     case when status = 'paid' then case when delayed then at + interval '3 days' else at end end,
     case when status = 'failed' then at + interval '3 days' end
   from chunk`,

  `with event as (
     select
       chunk.*, k,
       'evt_1' || pg_temp.letters('event' || k || ' ' || n, 23) as event_id,
       case
         when delayed then (array[
           'checkout.session.completed',
           'checkout.session.async_payment_' || case when status = 'failed' then 'failed' else 'succeeded' end,
           'checkout.session.completed'])[k]
         else (array['checkout.session.completed', 'payment_intent.succeeded', 'charge.updated'])[k]
       end as type
     from chunk, generate_series(1, 3) as k
     where not (status = 'awaiting_payment' and k = 2)
   )
   insert into stripe_events
   select
     event_id, type, '2026-10-28.endive', false, null,
     case when delayed or k = 1 then 'cs_test_a1' || session_letters end,
     at + case when delayed and k > 1 then interval '3 days' else interval '0' end,
     at + case when delayed and k > 1 then interval '3 days' else interval '0' end,
     case when not delayed and k > 1 then 'ignored' when k = 3 then 'stale' else 'applied' end,
     (before || event_id || between || 'cs_test_a1' || session_letters || after)::json
   from event`,

  `insert into order_transitions (order_id, from_status, to_status, event_id, source, occurred_at)
   select n, null, case when delayed then 'awaiting_payment' else 'paid' end,
     'evt_1' || pg_temp.letters('event1 ' || n, 23), 'webhook', at
   from chunk
   union all
   select n, 'awaiting_payment', status, 'evt_1' || pg_temp.letters('event2 ' || n, 23), 'webhook', at + interval '3 days'
   from chunk where delayed and status <> 'awaiting_payment'`,

  `insert into fulfillments (order_id, event_id, status, attempts, next_attempt_at, fulfilled_at, last_error, created_at)
   select
     n, 'evt_1' || pg_temp.letters('event' || case when delayed then 2 else 1 end || ' ' || n, 23),
     case when due then 'pending' when dead then 'dead' else 'fulfilled' end,
     case when due then 0 when dead then 12 else 1 end,
     case when due then at end,
     case when not due and not dead then at + interval '2 seconds' end,
     case when not due and dead then 'the receiver answered 500' end,
     at
   from chunk where status = 'paid'`,

  `insert into order_line_items
   select
     n, 'li_1' || pg_temp.letters('item' || k || ' ' || n, 23), k - 1, 'price_1' || pg_temp.letters('price' || n % 5000 || k, 23),
     'prod_' || pg_temp.letters('product' || n % 5000 || k, 14), 'Espresso beans, 500 g', 1, 1690, 1690, 0, 0, 1690, currency
   from chunk, generate_series(1, 2 + n % 2) as k
   where status = 'paid' and not due`,

  `insert into notifications (order_id, kind, status, attempts, next_attempt_at, sent_at, last_error, created_at)
   select
     n, case when status = 'failed' then 'payment_failed' else 'order_paid' end,
     case when dead then 'dead' else 'sent' end, case when dead then 12 else 1 end, null,
     case when not dead then at + interval '3 seconds' end, case when dead then 'no such mailbox' end, at
   from chunk where status = 'failed' or status = 'paid' and not due`,

  // One event of a hundred orders is refused, and never comes again.
  `insert into refused_events (id, type, checkout_session_id, reason, first_refused_at, last_refused_at)
   select
     'evt_1' || pg_temp.letters('refused' || n, 23), 'checkout.session.completed',
     'cs_test_a1' || pg_temp.letters('refused session' || n, 56), 'It can not be read.', at, at
   from chunk where n % 100 = 7`,

  // One attempt of fifty fails, and somebody does something about one order of a hundred.
  `insert into failed_attempts (work, work_id, order_id, attempt, error, next_attempt_at, occurred_at)
   select
     'fulfillments', (select id from fulfillments where order_id = n), n, k, 'the receiver answered 500',
     case when k < 12 then at + k * interval '1 minute' end, at + k * interval '1 minute'
   from chunk, generate_series(1, case when dead then 12 else 1 end) as k
   where status = 'paid' and not due and (dead or n % 50 = 0)`,

  `insert into ops_actions (occurred_at, actor, action, subject, details)
   select at + interval '1 hour', 'cli:jo', 'retry', n::text, '{"fulfillments": 1, "notifications": 0}'
   from chunk where status = 'paid' and n % 100 = 50`,
];
