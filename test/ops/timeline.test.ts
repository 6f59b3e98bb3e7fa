import { expect, test } from '@jest/globals';
import { recordAction } from '../../src/ops/actions.ts';
import { timelineOf } from '../../src/ops/timeline.ts';
import { createTestDatabase } from '../support/database.ts';
import { newId } from '../support/new-id.ts';
import { insertOrder } from '../support/orders.ts';

const { db } = await createTestDatabase();

/** So many seconds into the order's life. */
const at = (second: number) => new Date(Date.parse('2026-11-25T10:00:00Z') + second * 1_000);

async function insertEvent(session: string | null, type: string, second: number, outcome = 'applied') {
  const id = newId('evt');
  await db('stripe_events').insert({
    id,
    type,
    livemode: false,
    checkout_session_id: session,
    created_at: at(second - 1),
    received_at: at(second),
    outcome,
  });
  return id;
}

const failed = (work: string, work_id: number, order_id: number, attempt: number, second: number) => ({
  work,
  work_id,
  order_id,
  attempt,
  error: 'the receiver answered 500',
  next_attempt_at: attempt < 12 ? at(second + 1) : null,
  occurred_at: at(second),
});

const action = (subject: string, name: string, second: number) => ({
  actor: 'cli:jo',
  action: name,
  subject,
  details: { fulfillments: 1 },
  occurred_at: at(second),
});

test('a whole life stands on one line, causes before what they caused', async () => {
  const { id, checkout_session_id: session } = await insertOrder(db);
  const completed = await insertEvent(session, 'checkout.session.completed', 0);
  const succeeded = await insertEvent(session, 'checkout.session.async_payment_succeeded', 60);
  const repeat = await insertEvent(session, 'checkout.session.completed', 300, 'stale');
  await db('order_transitions').insert([
    {
      order_id: id,
      to_status: 'awaiting_payment',
      event_id: completed,
      source: 'webhook',
      occurred_at: at(0),
    },
    {
      order_id: id,
      from_status: 'awaiting_payment',
      to_status: 'paid',
      event_id: succeeded,
      source: 'webhook',
      occurred_at: at(60),
    },
  ]);
  const [fulfillment] = await db('fulfillments')
    .insert({
      order_id: id,
      status: 'fulfilled',
      attempts: 2,
      created_at: at(60),
      fulfilled_at: at(400),
      next_attempt_at: null,
    })
    .returning('id');
  const [receipt] = await db('notifications')
    .insert({ order_id: id, kind: 'order_paid', attempts: 1, created_at: at(61), next_attempt_at: at(9_000) })
    .returning('id');
  const item = {
    order_id: id,
    amount_subtotal: 1,
    amount_discount: 0,
    amount_tax: 0,
    amount_total: 1,
    currency: 'usd',
  };
  await db('order_line_items').insert([
    { ...item, position: 0, stripe_line_item_id: 'li_0' },
    { ...item, position: 1, stripe_line_item_id: 'li_1' },
  ]);
  await db('failed_attempts').insert([
    failed('fulfillments', fulfillment.id, id, 12, 62),
    failed('notifications', receipt.id, id, 1, 63),
  ]);
  await db('ops_actions').insert([
    action(String(id), 'retry', 70),
    action(session, 'note', 71),
    action(completed, 'replay', 72),
  ]);

  expect(await timelineOf(db, id)).toEqual([
    {
      at: at(0),
      kind: 'event',
      event_id: completed,
      type: 'checkout.session.completed',
      outcome: 'applied',
      replayable: false,
    },
    {
      at: at(0),
      kind: 'transition',
      from: null,
      to: 'awaiting_payment',
      source: 'webhook',
      event_id: completed,
    },
    {
      at: at(60),
      kind: 'event',
      event_id: succeeded,
      type: 'checkout.session.async_payment_succeeded',
      outcome: 'applied',
      replayable: false,
    },
    {
      at: at(60),
      kind: 'transition',
      from: 'awaiting_payment',
      to: 'paid',
      source: 'webhook',
      event_id: succeeded,
    },
    { at: at(60), kind: 'owed', work: 'fulfillment' },
    { at: at(61), kind: 'items_stored', count: 2 },
    { at: at(61), kind: 'owed', work: 'order_paid' },
    {
      at: at(62),
      kind: 'attempt_failed',
      work: 'fulfillment',
      attempt: 12,
      error: 'the receiver answered 500',
      dead: true,
    },
    {
      at: at(63),
      kind: 'attempt_failed',
      work: 'order_paid',
      attempt: 1,
      error: 'the receiver answered 500',
      dead: false,
    },
    {
      at: at(70),
      kind: 'action',
      actor: 'cli:jo',
      action: 'retry',
      subject: String(id),
      details: { fulfillments: 1 },
    },
    {
      at: at(71),
      kind: 'action',
      actor: 'cli:jo',
      action: 'note',
      subject: session,
      details: { fulfillments: 1 },
    },
    {
      at: at(72),
      kind: 'action',
      actor: 'cli:jo',
      action: 'replay',
      subject: completed,
      details: { fulfillments: 1 },
    },
    {
      at: at(300),
      kind: 'event',
      event_id: repeat,
      type: 'checkout.session.completed',
      outcome: 'stale',
      replayable: false,
    },
    { at: at(400), kind: 'done', work: 'fulfillment', attempt: 2 },
    { at: at(9_000), kind: 'due', work: 'order_paid', attempt: 2 },
  ]);
});

test('nothing of another order stands on it', async () => {
  const { id } = await insertOrder(db);
  const { id: other, checkout_session_id } = await insertOrder(db);
  const event = await insertEvent(checkout_session_id, 'checkout.session.completed', 0);
  await insertEvent(null, 'charge.updated', 0, 'ignored');
  await db('order_transitions').insert({
    order_id: other,
    to_status: 'paid',
    event_id: event,
    source: 'webhook',
  });
  const [fulfillment] = await db('fulfillments').insert({ order_id: other }).returning('id');
  await db('failed_attempts').insert(failed('fulfillments', fulfillment.id, other, 1, 1));
  await db.transaction((trx) =>
    recordAction(trx, { actor: 'ops', action: 'retry', subject: String(other), details: {} }),
  );
  expect(await timelineOf(db, id)).toEqual([]);
  expect(await timelineOf(db, other)).toHaveLength(6);
});
