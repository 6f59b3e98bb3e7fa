import type { Knex } from '../../src/db/knex.ts';
import { newId } from './new-id.ts';

const customers = 'amelia noah olivia leo mia lucas emma theo clara felix ines hugo'.split(' ');
const amounts = [2900, 6498, 1850, 12900, 4350, 8999, 3200, 24900];

/** What a shop's last day leaves behind: some 150 orders, most of them fulfilled, and every kind of trouble. The same each time. */
export async function fillBusyDay(db: Knex): Promise<void> {
  const orders = Array.from({ length: 150 }, (_, n) => order(n)).toSorted((a, b) => b.minutes - a.minutes);
  await db.raw(
    `insert into orders (checkout_session_id, status, payment_status, mode, livemode, currency, amount_subtotal,
       amount_total, customer_email, customer_name, client_reference_id, payment_intent_id, created_at, updated_at, paid_at, failed_at)
     select session, status, case status when 'paid' then 'paid' else 'unpaid' end, 'payment', false, currency, amount, amount,
       name || '@example.com', initcap(name) || ' Example', reference, intent, at, at,
       case status when 'paid' then at end, case status when 'failed' then at end
     from json_to_recordset(:orders) as o (session text, status text, currency text, amount bigint, name text, reference text,
       intent text, minutes float8), lateral (select now() - minutes * interval '1 minute' as at) as moment
     order by at`,
    { orders: JSON.stringify(orders) },
  );
  await db.raw(`
    insert into stripe_events (id, type, api_version, livemode, checkout_session_id, created_at, received_at, outcome, payload)
    select 'evt_1' || md5(checkout_session_id), case status when 'failed' then 'checkout.session.async_payment_failed'
      else 'checkout.session.completed' end, '2026-10-28.endive', false, checkout_session_id, created_at, created_at, 'applied',
      json_build_object('id', 'evt_1' || md5(checkout_session_id), 'object', 'event', 'data', json_build_object('object',
        json_build_object('id', checkout_session_id, 'object', 'checkout.session', 'amount_total', amount_total, 'currency', currency)))
    from orders;
    insert into order_transitions (order_id, from_status, to_status, event_id, source, occurred_at)
    select id, null, status, 'evt_1' || md5(checkout_session_id), 'webhook', created_at from orders;
    insert into fulfillments (order_id, event_id, status, attempts, next_attempt_at, fulfilled_at, last_error, created_at)
    select id, 'evt_1' || md5(checkout_session_id),
      case when id in (149, 140) then 'pending' when id = 121 then 'dead' else 'fulfilled' end,
      case id when 149 then 0 when 140 then 4 when 121 then 12 else 1 end,
      case when id in (149, 140) then now() + interval '90 seconds' end,
      case when id not in (149, 140, 121) then created_at + interval '2 seconds' end,
      case when id in (140, 121) then 'the receiver answered 500' end,
      created_at
    from orders where status = 'paid';
    insert into order_line_items
    select id, 'li_1', 0, 'price_1', 'prod_1', 'Mug No. 7, speckled', 2, amount_total / 2, amount_total, 0, 0, amount_total, currency
    from orders where status = 'paid';
    insert into notifications (order_id, kind, status, attempts, next_attempt_at, sent_at, created_at)
    select id, 'order_paid', 'sent', 1, null, created_at + interval '3 seconds', created_at + interval '1 second'
    from orders where status = 'paid' and id <> 149;
    insert into failed_attempts (work, work_id, order_id, attempt, error, next_attempt_at, occurred_at)
    select 'fulfillments', f.id, f.order_id, n, case n when 3 then 'no answer from the receiver: timeout of 10000 ms' else 'the receiver answered 500' end,
      case when f.attempts > n or f.status = 'pending' then f.created_at + (4 ^ n) * interval '1 second' end,
      f.created_at + least(4 ^ (n - 1), 1200 + 200 * n) * interval '1 second'
    from fulfillments f, generate_series(1, f.attempts) as n where f.order_id in (140, 121);
    insert into acknowledgements
    select date_bin('15 minutes', now(), 'epoch') - q * interval '15 minutes', within_ms,
      case within_ms when 3 then 40 when 5 then 60 when 7 then 20 + q % 9 when 15 then 2 + q % 4 when 50 then (q % 11) / 9 end
    from generate_series(0, 95) as q, unnest(array[3, 5, 7, 15, 50]) as within_ms`);
}

function order(n: number) {
  // Fewer at night, and spread by steps that never line up with the hours.
  const hours = 24 * ((n * 0.618) % 1);
  const night = hours > 14 && hours < 20;
  const minutes = (night ? hours * 0.55 : hours) * 59 + 0.4;
  return {
    session: newId('cs_test_a1'),
    status: n % 37 === 5 ? 'failed' : n % 23 === 3 ? 'awaiting_payment' : 'paid',
    currency: n % 9 === 4 ? 'jpy' : n % 5 === 2 ? 'usd' : 'eur',
    amount: amounts[n % amounts.length],
    name: customers[n % customers.length],
    reference: `cart-${2041 + n}`,
    intent: newId('pi_3'),
    minutes,
  };
}
