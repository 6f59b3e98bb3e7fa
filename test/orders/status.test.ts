import { describe, expect, test } from '@jest/globals';
import { next, type OrderStatus, outcomeOf } from '../../src/orders/status.ts';
import { createTestDatabase } from '../support/database.ts';
import { storedItem } from '../support/orders.ts';

const { db } = await createTestDatabase();
const statuses = ['awaiting_payment', 'paid', 'failed'] as const;

describe('outcomeOf', () => {
  test.each([
    [null, 'awaiting_payment', 'applied'],
    [null, 'paid', 'applied'],
    [null, 'failed', 'applied'],
    ['awaiting_payment', 'awaiting_payment', 'stale'],
    ['awaiting_payment', 'paid', 'applied'],
    ['awaiting_payment', 'failed', 'applied'],
    ['failed', 'awaiting_payment', 'stale'],
    ['failed', 'paid', 'applied'],
    ['failed', 'failed', 'stale'],
    ['paid', 'awaiting_payment', 'stale'],
    ['paid', 'paid', 'stale'],
    ['paid', 'failed', 'conflict'],
  ] as const)('an order at %s that is asked to be %s: %s', (current, wanted, outcome) => {
    expect(outcomeOf(current, wanted)).toBe(outcome);
  });
});

describe('the database knows the same state machine', () => {
  const moves = statuses.flatMap((from) =>
    statuses.filter((to) => to !== from).map((to) => [from, to] as const),
  );

  test.each(moves)('an UPDATE by hand from %s to %s', async (from, to) => {
    const id = await orderAt(from);
    const update = db('orders').where({ id }).update(columnsAt(to));
    if (next[from].includes(to)) {
      await update;
    } else {
      await expect(update).rejects.toMatchObject({ constraint: 'orders_status_moves_legally' });
    }
    const { status } = await db('orders').where({ id }).first();
    expect(status).toBe(next[from].includes(to) ? to : from);
    const owed = await db('fulfillments').where({ order_id: id });
    expect(owed).toHaveLength(next[from].includes(to) && to === 'paid' ? 1 : 0);
  });

  test.each([
    ['paid without paid_at', { status: 'paid' }, 'orders_paid_at_exactly_when_paid'],
    [
      'paid_at without paid',
      { status: 'awaiting_payment', paid_at: new Date() },
      'orders_paid_at_exactly_when_paid',
    ],
    ['failed without failed_at', { status: 'failed' }, 'orders_failed_at_exactly_when_failed'],
    [
      'failed_at without failed',
      { status: 'paid', paid_at: new Date(), failed_at: new Date() },
      'orders_failed_at_exactly_when_failed',
    ],
    ['an unknown status', { status: 'refunded' }, 'orders_status_known'],
    [
      'an unknown payment_status',
      { status: 'awaiting_payment', payment_status: 'refunded' },
      'orders_payment_status_known',
    ],
    [
      'a session that only sets up a payment method',
      { status: 'awaiting_payment', mode: 'setup' },
      'orders_never_of_setup_mode',
    ],
  ])('%s is refused', async (_case, columns, constraint) => {
    await expect(db('orders').insert({ ...session(), ...columns })).rejects.toMatchObject({ constraint });
  });

  const never = { next_attempt_at: null };
  const now = new Date();
  test.each([
    ['order_transitions', 'source_known', { to_status: 'paid', source: 'by_hand' }],
    ['order_transitions', 'webhook_has_event', { to_status: 'paid', source: 'webhook' }],
    ['order_transitions', 'move_is_legal', { from_status: 'paid', to_status: 'failed', source: 'reconcile' }],
    ['order_transitions', 'move_is_legal', { to_status: 'refunded', source: 'reconcile' }],
    ['fulfillments', 'status_known', { ...never, status: 'sent' }],
    ['fulfillments', 'next_attempt_exactly_when_pending', never],
    ['fulfillments', 'next_attempt_exactly_when_pending', { status: 'dead' }],
    ['fulfillments', 'fulfilled_at_exactly_when_fulfilled', { ...never, status: 'fulfilled' }],
    ['fulfillments', 'fulfilled_at_exactly_when_fulfilled', { fulfilled_at: now }],
    ['notifications', 'kind_known', { kind: 'order_shipped' }],
    ['notifications', 'status_known', { ...never, kind: 'order_paid', status: 'fulfilled' }],
    ['notifications', 'next_attempt_exactly_when_pending', { ...never, kind: 'order_paid' }],
    ['notifications', 'next_attempt_exactly_when_pending', { kind: 'order_paid', status: 'dead' }],
    ['notifications', 'sent_at_exactly_when_sent', { ...never, kind: 'order_paid', status: 'sent' }],
    ['notifications', 'sent_at_exactly_when_sent', { kind: 'order_paid', sent_at: now }],
    ['failed_attempts', 'work_known', { work: 'orders', work_id: 1, attempt: 1, error: 'no' }],
  ])('%s: %s', async (table, rule, columns) => {
    const order_id = await orderAt('paid');
    await expect(db(table).insert({ order_id, ...columns })).rejects.toMatchObject({
      constraint: `${table}_${rule}`,
    });
  });

  test('an UPDATE by hand that leaves an order paid owes nothing: its fulfillment may be done, and cleared away', async () => {
    const id = await orderAt('paid');
    await db('orders').where({ id }).update(columnsAt('paid'));
    expect(await db('fulfillments').where({ order_id: id })).toEqual([]);
  });

  const transitions = [null, ...statuses].flatMap((from) => statuses.map((to) => [from, to] as const));

  test.each(transitions)('a transition from %s to %s', async (from_status, to_status) => {
    const transition = { from_status, to_status, source: 'reconcile' };
    const insert = db('order_transitions').insert({ order_id: await orderAt('paid'), ...transition });
    if (outcomeOf(from_status, to_status) === 'applied') await insert;
    else await expect(insert).rejects.toMatchObject({ constraint: 'order_transitions_move_is_legal' });
  });

  test('an outcome of an event that nobody knows is refused', async () => {
    const event = { id: 'evt_refunded', type: 'charge.refunded', livemode: false, created_at: now };
    await expect(db('stripe_events').insert({ ...event, outcome: 'refunded' })).rejects.toMatchObject({
      constraint: 'stripe_events_outcome_known',
    });
  });

  test('what speaks of an order speaks of one that is there', async () => {
    const order_id = 0;
    for (const [table, row] of [
      ['order_transitions', { to_status: 'paid', source: 'reconcile' }],
      ['fulfillments', {}],
      ['notifications', { kind: 'order_paid' }],
      ['order_line_items', storedItem(0)],
      ['failed_attempts', { work: 'fulfillments', work_id: 1, attempt: 1, error: 'no' }],
    ] as const)
      await expect(db(table).insert({ order_id, ...row })).rejects.toMatchObject({
        constraint: `${table}_order_id_fkey`,
      });
  });

  test('an order is owed one fulfillment and one mail of a kind, and an event makes one order paid', async () => {
    const [one, other] = [await orderAt('paid'), await orderAt('paid')];
    await db('fulfillments').insert({ order_id: one, event_id: 'evt_1' });
    await db('notifications').insert({ order_id: one, kind: 'order_paid' });
    for (const [table, row, constraint] of [
      ['fulfillments', { order_id: one }, 'fulfillments_order_id_key'],
      ['fulfillments', { order_id: other, event_id: 'evt_1' }, 'fulfillments_event_id_key'],
      ['notifications', { order_id: one, kind: 'order_paid' }, 'notifications_each_kind_once'],
    ] as const)
      await expect(db(table).insert(row)).rejects.toMatchObject({ constraint });
  });

  test('a status can not be entered twice', async () => {
    const id = await orderAt('failed');
    const transition = { order_id: id, to_status: 'failed', source: 'reconcile' };
    await db('order_transitions').insert(transition);
    await expect(db('order_transitions').insert(transition)).rejects.toMatchObject({
      constraint: 'order_transitions_each_status_once',
    });
  });
});

async function orderAt(status: OrderStatus): Promise<number> {
  const [row] = await db('orders')
    .insert({ ...session(), ...columnsAt(status) })
    .returning('id');
  return row.id;
}

function columnsAt(status: OrderStatus) {
  return {
    status,
    paid_at: status === 'paid' ? new Date() : null,
    failed_at: status === 'failed' ? new Date() : null,
  };
}

let sessions = 0;
function session() {
  sessions += 1;
  return {
    checkout_session_id: `cs_test_${sessions}`,
    payment_status: 'paid',
    mode: 'payment',
    livemode: false,
  };
}
