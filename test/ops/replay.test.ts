import { expect, test } from '@jest/globals';
import { replayEvent } from '../../src/ops/replay.ts';
import { contentsOf, createTestDatabase } from '../support/database.ts';
import { recordEvent } from '../support/news.ts';
import { openOps, ops } from '../support/ops.ts';
import { checkoutSession, events, SECRET, stripeEvent } from '../support/stripe-events.ts';

const { db, url } = await createTestDatabase();
const env = { DATABASE_URL: url, STRIPE_SECRET_KEY: 'sk_test_123', STRIPE_WEBHOOK_SECRET: SECRET };

const here = openOps(env);
const replay = (id: string) => here('replay', id);

const orderOf = (session: string) => db('orders').where({ checkout_session_id: session }).first();
const actionsOf = (id: string) => db('ops_actions').where({ subject: id });

test('an event that another configuration ignored makes its order now, which is owed its fulfilment', async () => {
  const session = checkoutSession();
  const id = await recordEvent(db, events.completedPaid(session), { livemode: true });
  expect(await orderOf(session.id)).toBeUndefined();

  const { code, stdout } = await ops(env, 'replay', id);
  const order = await orderOf(session.id);
  expect([code, stdout]).toEqual([0, `Order ${order.id} was made: paid.\n`]);
  expect(order).toMatchObject({ status: 'paid', amount_total: 6498, customer_email: 'jenny@example.com' });
  expect(await db('order_transitions').where({ order_id: order.id })).toMatchObject([
    { from_status: null, to_status: 'paid', event_id: id, source: 'reconcile' },
  ]);
  expect(await db('fulfillments').where({ order_id: order.id })).toMatchObject([
    { event_id: id, status: 'pending' },
  ]);
  expect(await db('stripe_events').where({ id })).toMatchObject([{ outcome: 'applied' }]);
  expect(await actionsOf(id)).toMatchObject([
    {
      action: 'replay',
      actor: expect.stringMatching(/^cli:/),
      details: { outcome: 'applied', order_id: order.id, moved_to: 'paid' },
    },
  ]);
});

test('nothing is replayed of which nobody could be told who did it', async () => {
  const session = checkoutSession();
  const id = await recordEvent(db, events.completedPaid(session), { livemode: true });
  const nobody = { livemode: false, actor: null as never };
  await expect(replayEvent(db, id, nobody)).rejects.toThrow('"actor"');
  expect(await orderOf(session.id)).toBeUndefined();
});

test('it moves an order that it should have moved', async () => {
  const session = checkoutSession();
  await recordEvent(db, events.completedUnpaid(session));
  const id = await recordEvent(db, events.asyncSucceeded(session), { livemode: true });
  const { id: order_id } = await orderOf(session.id);
  expect(await replay(id)).toEqual({
    ok: true,
    data: {
      event_id: id,
      outcome: 'applied',
      order_id,
      moved_from: 'awaiting_payment',
      moved_to: 'paid',
      why_ignored: null,
    },
    text: `Order ${order_id} moved: awaiting_payment → paid.`,
  });
});

test('an order that is paid and fulfilled is left alone', async () => {
  const session = checkoutSession();
  const id = await recordEvent(db, events.completedPaid(session));
  await db('fulfillments')
    .where({ event_id: id })
    .update({ status: 'fulfilled', fulfilled_at: db.fn.now(), next_attempt_at: null, attempts: 1 });
  const before = await contentsOf(db);
  const { ok, text } = await replay(id);
  expect([ok, text]).toEqual([true, expect.stringContaining('Nothing to do: order')]);
  expect(await contentsOf(db)).toEqual(before);
  expect(await actionsOf(id)).toMatchObject([{ details: { outcome: 'stale', moved_to: null } }]);
});

test('a failure of what is paid moves nothing, and it says that something is wrong', async () => {
  const session = checkoutSession();
  await recordEvent(db, events.completedPaid(session));
  const id = await recordEvent(db, events.asyncFailed(session));
  const before = await contentsOf(db);
  const { ok, data, text } = await replay(id);
  expect([ok, text]).toEqual([false, expect.stringContaining('look at it in Stripe')]);
  expect(data).toMatchObject({ error: text, event_id: id, outcome: 'conflict' });
  expect(await contentsOf(db)).toEqual(before);
});

test.each([
  [
    'of a type that is not handled',
    stripeEvent('charge.updated', { id: 'ch_1', object: 'charge' }),
    'not handled',
  ],
  [
    'that sets up a payment method',
    events.completedPaid(checkoutSession({ mode: 'setup' })),
    'no checkout session',
  ],
  [
    'of the other mode',
    { ...events.completedPaid(checkoutSession({ livemode: true })), livemode: true },
    'STRIPE_SECRET_KEY is no live key',
  ],
])('an event %s is told why it is nobody’s news', async (_what, event, why) => {
  const id = await recordEvent(db, event);
  const before = await contentsOf(db);
  const { ok, text } = await replay(id);
  expect([ok, text]).toEqual([false, expect.stringMatching(`^Nothing was done: .*${why}`)]);
  expect(await contentsOf(db)).toEqual(before);
});

test('an event whose payload was emptied is a clear error with a way out, and nothing is recorded', async () => {
  const id = await recordEvent(db, events.completedPaid(checkoutSession()));
  await db('stripe_events').where({ id }).update({ payload: null });
  await expect(replay(id)).rejects.toThrow(/was emptied .* npm run ops -- reconcile$/);
  expect(await actionsOf(id)).toEqual([]);
});

test('what is not kept here is a clear error', async () => {
  const { code, stdout, stderr } = await ops(env, 'replay', 'evt_unknown');
  expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining('There is no event')]);
});
