import { stripVTControlCharacters } from 'node:util';
import { expect, test } from '@jest/globals';
import { fulfillments } from '../../src/fulfillment/fulfill.ts';
import { makeDue } from '../../src/work/by-hand.ts';
import { type Claim, claim, settleFailed } from '../../src/work/queue.ts';
import { createTestDatabase } from '../support/database.ts';
import { recordEvent } from '../support/news.ts';
import { openOps, ops } from '../support/ops.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { checkoutSession, events, SECRET, stripeEvent } from '../support/stripe-events.ts';

const { db, url } = await createTestDatabase();
const env = {
  DATABASE_URL: url,
  STRIPE_SECRET_KEY: 'sk_test_123',
  STRIPE_WEBHOOK_SECRET: SECRET,
  TZ: 'Asia/Tokyo',
};
const here = openOps(env);
/** Without the colours of whoever runs the tests at a terminal. */
const textOf = async (id: string) => stripVTControlCharacters((await here('show', id)).text);

/** An order that was paid by a delayed method, and whose only attempt at its fulfilment failed for good. */
async function deadOrder() {
  const session = checkoutSession();
  const completed = await recordEvent(db, events.completedUnpaid(session));
  const succeeded = await recordEvent(db, events.asyncSucceeded(session));
  const [held] = await claim(db, fulfillments, { limit: 1, maxAttempts: 12 });
  if (!held) throw new Error('nothing was claimed');
  await settleFailed(db, fulfillments, held, { error: 'the receiver answered 410', pauseMs: null });
  return { id: held.order_id, session: session.id, completed, succeeded };
}

test('an order by any of its ids: how it stands, and its life in plain words', async () => {
  const { id, session, completed, succeeded } = await deadOrder();
  const { stdout, code } = await ops(env, 'show', String(id));
  expect(code).toBe(0);
  for (const words of [
    `Order ${id}: paid, dead\n`,
    /^Total +\$64\.98$/m,
    /^Customer +Jenny Rosen, jenny@example\.com$/m,
    /^Last error +the receiver answered 410$/m,
    'TIME (Asia/Tokyo)',
    `Stripe sent checkout.session.completed (${completed}): it was applied.`,
    'The order began as awaiting payment.',
    `Stripe sent checkout.session.async_payment_succeeded (${succeeded}): it was applied.`,
    'The order moved from awaiting payment to paid.',
    'From here on the fulfilment is owed.',
    'Attempt 1 at the fulfilment failed: the receiver answered 410 (dead: no further attempt without a person)',
    `npm run ops -- retry ${id}`,
  ])
    expect(stdout).toMatch(words);
  expect(stdout).not.toContain('\u001b');
  for (const given of [session, succeeded]) expect(await textOf(given)).toMatch(`Order ${id}: paid, dead\n`);
});

test('by which of its ids Stripe knows the money: the payment, or the subscription that it began', async () => {
  const bought = await insertOrder(db, { payment_intent_id: 'pi_123' });
  const begun = await insertOrder(db, { mode: 'subscription', subscription_id: 'sub_123' });
  expect(await textOf(String(bought.id))).toMatch(/^Payment +pi_123$/m);
  expect(await textOf(String(begun.id))).toMatch(/^Subscription +sub_123$/m);
});

test.each([
  ['paid', 'Charged'],
  ['awaiting_payment', 'Asked for'],
  ['failed', 'Asked for'],
])("what is paid in a currency of the customer's own, of an order that is %s", async (status, name) => {
  const presentment_details = { presentment_amount: 149_900, presentment_currency: 'jpy' };
  const { id } = await insertOrder(db, { status, presentment_details });
  expect(await textOf(String(id))).toMatch(new RegExp(`^Total +\\$64\\.98\\n${name} +¥149,900$`, 'm'));
});

test.each(['UTC+3', ''])('where TZ, "%s", names no zone, times are those of UTC', async (TZ) => {
  const { id } = await insertOrder(db, { created_at: '2026-11-25T18:03:07Z' });
  const { stdout } = await ops({ ...env, TZ }, 'show', String(id));
  expect(stdout).toContain('TIME (UTC)');
  expect(stdout).toContain('2026-11-25 18:03:07');
});

test('an attempt is under way until it has ended, and not the next one due', async () => {
  const { id: order_id } = await insertOrder(db);
  await insertFulfillment(db, order_id);
  const tell = () => textOf(String(order_id));
  for (const attempt of [1, 2]) {
    await makeDue(db, fulfillments, [order_id]);
    const [held] = await claim(db, fulfillments, { limit: 1, maxAttempts: 12 });
    expect(held).toMatchObject({ order_id, attempts: attempt });
    expect(await tell()).toMatch(new RegExp(`in \\d+ s +Attempt ${attempt} at the fulfilment is under way`));
    await settleFailed(db, fulfillments, held as Claim, {
      error: 'the receiver answered 500',
      pauseMs: 25_000,
    });
    expect(await tell()).toMatch(new RegExp(`in \\d+ s +Attempt ${attempt + 1} at the fulfilment is due\\.`));
  }
  // Once that is over, a later test would claim it for its own.
  await db('fulfillments').where({ order_id }).del();
});

test.each([
  [
    'of a fulfilled order: it can be done without',
    'fulfilled',
    'dead',
    /-- retry .*\nIf the mail's address does not exist: .* close/,
  ],
  ['while the fulfilment is due: closing would end that too', 'pending', 'dead', /-- retry \d+$/],
  ["that is tried again is nobody's concern", 'fulfilled', 'pending', null],
])('a dead mail %s', async (_what, fulfillment, mail, advice) => {
  const { id } = await insertOrder(db);
  const fulfilled = { status: 'fulfilled', fulfilled_at: db.fn.now(), next_attempt_at: null };
  await insertFulfillment(db, id, fulfillment === 'fulfilled' ? fulfilled : { next_attempt_at: 'tomorrow' });
  const dead = { status: 'dead', next_attempt_at: null, last_error: 'the mail was not sent' };
  await db('notifications').insert({ order_id: id, kind: 'order_paid', ...(mail === 'dead' && dead) });
  const [, told = null] = (await textOf(String(id))).split('What to do: ');
  if (advice === null) expect(told).toBeNull();
  else expect(told).toMatch(advice);
});

test('--json has all of it, for programs', async () => {
  const { id, session } = await deadOrder();
  const { stdout } = await ops(env, 'show', session, '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    order: { id, checkout_session_id: session, amount_total: 6498, currency: 'usd' },
    line_items: [],
    fulfillment: { status: 'dead', attempts: 1, last_error: 'the receiver answered 410' },
    timeline: [
      { kind: 'event' },
      { kind: 'transition', from: null, to: 'awaiting_payment' },
      { kind: 'event' },
      { kind: 'transition', to: 'paid' },
      { kind: 'owed', work: 'fulfillment' },
      { kind: 'attempt_failed', attempt: 1, error: 'the receiver answered 410', dead: true },
    ],
  });
});

test('what was bought stands there, and what makes the total of it', async () => {
  const total_details = { amount_discount: 1_000, amount_shipping: 800, amount_tax: 0 };
  const amounts = { amount_subtotal: 4_500, amount_total: 4_300, total_details };
  const { id } = await insertOrder(db, { currency: 'jpy', ...amounts });
  await db('order_line_items').insert({
    order_id: id,
    position: 0,
    stripe_line_item_id: 'li_0',
    description: 'Mug',
    quantity: 3,
    amount_subtotal: 4_500,
    amount_discount: 1_000,
    amount_tax: 0,
    amount_total: 3_500,
    currency: 'jpy',
  });
  expect(await textOf(String(id))).toMatch(
    /^ +3 +¥4,500 +Mug\n +-¥1,000 +Discount\n +¥800 +Shipping\n +¥4,300 +Total$/m,
  );
});

test('what a customer typed can not steer the terminal', async () => {
  const { id } = await insertOrder(db, { customer_name: 'Jenny\u001b[2J\nOrder 1: fulfilled\u202e' });
  const { stdout } = await ops(env, 'show', String(id));
  expect(stdout).toMatch(/^Customer +Jenny \[2J Order 1: fulfilled , jenny@example\.com$/m);
  for (const steers of ['\u001b', '\u202e']) expect(stdout).not.toContain(steers);
});

test.each([
  [
    'of a type that is not handled',
    stripeEvent('charge.updated', { id: 'ch_1', object: 'charge' }),
    false,
    'not handled',
  ],
  ['that would make an order now', events.completedPaid(checkoutSession()), true, 'npm run ops -- replay'],
])('an event %s is shown alone, with why there is no order', async (_what, event, livemode, why) => {
  const id = await recordEvent(db, event, { livemode });
  const { ok, data, text } = await here('show', id);
  expect(ok).toBe(true);
  expect(text).toContain(`Event ${id}: no order is about it`);
  expect(text).toContain(why);
  expect(data).toMatchObject({
    event: { id, outcome: 'ignored', payload_kept: true },
    why: expect.stringContaining(why),
  });
  expect(data).not.toHaveProperty('event.payload');
});

test('an event whose order somebody has deleted is not said to be ignored', async () => {
  const session = checkoutSession();
  const id = await recordEvent(db, events.completedUnpaid(session));
  await db('order_transitions').where({ event_id: id }).delete();
  await db('orders').where({ checkout_session_id: session.id }).delete();
  expect(await textOf(id)).toMatch(`npm run ops -- replay ${id}`);
  await db('stripe_events').where({ id }).update({ payload: null });
  expect(await textOf(id)).toMatch(/^Why +its order is there no more$/m);
});

test.each(['evt_refused', 'cs_test_of_the_refused'])(
  'what is missing since its event was refused: %s',
  async (given) => {
    const at = '2026-11-25T01:30:00.000Z';
    await db('refused_events')
      .insert({
        id: 'evt_refused',
        type: 'checkout.session.completed',
        checkout_session_id: 'cs_test_of_the_refused',
        reason: 'It says too much.',
        first_refused_at: at,
        last_refused_at: at,
      })
      .onConflict()
      .ignore();
    await expect(here('show', given)).rejects.toThrow(
      `${given}. evt_refused of cs_test_of_the_refused was refused at ${at}. It says too much.`,
    );
  },
);

test('a session that reconcile could not take is named once', async () => {
  const id = 'cs_test_refused_itself';
  const at = '2026-11-25T01:30:00.000Z';
  const refused = { id, type: 'checkout.session', checkout_session_id: id, reason: 'It says too much.' };
  await db('refused_events').insert({ ...refused, first_refused_at: at, last_refused_at: at });
  await expect(here('show', id)).rejects.toThrow(`${id}. ${id} was refused at ${at}. It says too much.`);
});

test('what is missing since its event was ignored leads to that event', async () => {
  const session = checkoutSession({ livemode: true });
  const id = await recordEvent(db, { ...events.completedPaid(session), livemode: true });
  await expect(here('show', session.id)).rejects.toThrow(
    `There is no order ${session.id}. Its last event here is ${id}: npm run ops -- show ${id} says why.`,
  );
  expect(await textOf(id)).toContain('it is live, and STRIPE_SECRET_KEY is no live key');
});

test('a refused event leads to the order that its session has all the same', async () => {
  const order = await insertOrder(db, { status: 'awaiting_payment' });
  await db('refused_events').insert({
    id: 'evt_refused_of_an_order',
    type: 'checkout.session.completed',
    checkout_session_id: order.checkout_session_id,
    reason: 'It says too much.',
    first_refused_at: db.fn.now(),
    last_refused_at: db.fn.now(),
  });
  await expect(here('show', 'evt_refused_of_an_order')).rejects.toThrow(
    `It says too much. Its session has order ${order.id}: awaiting_payment.`,
  );
});

test.each([
  ['an order that does not exist', '999999', 1, 'There is no order 999999.'],
  ['an event that is not kept', 'evt_unknown', 1, 'There is no event evt_unknown'],
  [
    'what is no id',
    'jenny',
    2,
    "neither an order's id nor a checkout session (cs_…) nor a payment (pi_…) nor an event",
  ],
])('%s is a clear error', async (_what, given, code, words) => {
  const ran = await ops(env, 'show', given);
  expect([ran.code, ran.stdout, ran.stderr]).toEqual([code, '', expect.stringContaining(words)]);
  const forPrograms = await ops(env, 'show', given, '--json');
  expect([forPrograms.code, forPrograms.stderr]).toEqual([code, ran.stderr]);
  expect(JSON.parse(forPrograms.stdout)).toEqual({ error: expect.stringContaining(words) });
});
