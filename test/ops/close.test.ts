import { describe, expect, test } from '@jest/globals';
import { fulfillments } from '../../src/fulfillment/fulfill.ts';
import { notifications } from '../../src/notifications/notify.ts';
import { storeLineItems } from '../../src/orders/store.ts';
import { type Claim, claim, settleDone, settleFailed } from '../../src/work/queue.ts';
import { createTestDatabase } from '../support/database.ts';
import { openOps, ops } from '../support/ops.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { hold, untilWaiting } from '../support/process.ts';
import { startStripeApi } from '../support/stripe-api.ts';
import { checkoutSession } from '../support/stripe-events.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const { db, url: DATABASE_URL } = await createTestDatabase();
const stripe = await startStripeApi();
const env = { DATABASE_URL, STRIPE_API_BASE: stripe.url };
const here = openOps(env);
const way = await startTcpProxy(DATABASE_URL);

const insertMail = (orderId: number, kind: string, columns: Record<string, unknown>) =>
  db('notifications').insert({ order_id: orderId, kind, ...columns });
const fulfillmentOf = (id: number) => db('fulfillments').where({ order_id: id }).first();

test('what an order is owed ends without another attempt, and why is on its time line', async () => {
  const { id, checkout_session_id } = await insertOrder(db);
  await insertFulfillment(db, id, { status: 'dead', attempts: 12, last_error: 'the receiver answered 422' });
  await insertMail(id, 'order_paid', { status: 'dead', next_attempt_at: null });
  await insertMail(id, 'payment_failed', { status: 'sent', next_attempt_at: null, sent_at: db.fn.now() });
  const other = await insertOrder(db);
  await insertFulfillment(db, other.id, { status: 'dead' });
  await insertMail(other.id, 'order_paid', { status: 'dead', next_attempt_at: null });

  const { code, stdout } = await ops(env, 'close', checkout_session_id, '--because', ' refunded in Stripe ');
  expect([code, stdout]).toEqual([
    0,
    `Order ${id}: it will not be fulfilled any more by this service, and 1 mail will not be sent.\n`,
  ]);
  expect(await fulfillmentOf(id)).toMatchObject({
    status: 'fulfilled',
    fulfilled_at: expect.any(Date),
    attempts: 12,
    last_error: null,
  });
  expect(await db('notifications').where({ order_id: id })).toMatchObject([{ kind: 'payment_failed' }]);
  expect(await fulfillmentOf(other.id)).toMatchObject({ status: 'dead' });
  expect(await db('notifications').where({ order_id: other.id })).toMatchObject([{ status: 'dead' }]);
  const shown = await here('show', String(id));
  expect(shown.text).toContain('The fulfilment is owed no more: a person closed it.');
  expect(shown.text).toMatch(/cli:\S+ closed the order: refunded in Stripe$/m);
});

test('an order that was refunded is closed by its payment, which Stripe is asked about', async () => {
  const session = checkoutSession({ payment_intent: 'pi_refunded' });
  stripe.keep(session, []);
  const { id } = await insertOrder(db, { checkout_session_id: session.id });
  await insertFulfillment(db, id);
  const closed = await here('close', 'pi_refunded', '--because', 'refunded in Stripe');
  expect(closed).toMatchObject({ ok: true, data: { order_id: id } });
  expect(await fulfillmentOf(id)).toMatchObject({ status: 'fulfilled' });
});

test('what was fulfilled before is told as it was, whatever is closed later', async () => {
  const { id } = await insertOrder(db);
  const fulfilled_at = db.raw(`now() - interval '1 minute'`);
  await insertFulfillment(db, id, { status: 'fulfilled', attempts: 2, fulfilled_at });
  await insertMail(id, 'order_paid', { status: 'dead', next_attempt_at: null });
  const { stdout } = await ops(env, 'close', String(id), '--because', 'no such address');
  expect(stdout).toBe(`Order ${id}: 1 mail will not be sent.\n`);
  expect((await ops(env, 'show', String(id))).stdout).toContain('The fulfilment was done, at attempt 2.');
});

test('a mail that is owed no more keeps its failed attempts on the time line', async () => {
  const { id } = await insertOrder(db, { status: 'failed' });
  await insertMail(id, 'payment_failed', {});
  const [held] = await claim(db, notifications, { limit: 1, maxAttempts: 12 });
  await settleFailed(db, notifications, held as Claim, { error: 'no such mailbox', pauseMs: null });
  await here('close', String(id), '--because', 'no such address');
  const { text } = await here('show', String(id));
  expect(text).toContain('Attempt 1 at a mail to the customer failed: no such mailbox');
});

test('an attempt that is under way has lost its claim', async () => {
  const { id } = await insertOrder(db);
  await insertFulfillment(db, id);
  const held = await claim(db, fulfillments, { limit: 1, maxAttempts: 12 });
  expect(held).toMatchObject([{ order_id: id }]);
  expect(await here('close', String(id), '--because', 'fulfilled by hand')).toMatchObject({ ok: true });
  const closed = await fulfillmentOf(id);
  expect(closed).toMatchObject({ status: 'fulfilled' });
  expect(await settleDone(db, fulfillments, held)).toEqual([]);
  expect(await fulfillmentOf(id)).toEqual(closed);
});

test('nor does an attempt that is under way owe the customer a receipt any more', async () => {
  const { id } = await insertOrder(db);
  await insertFulfillment(db, id);
  await claim(db, fulfillments, { limit: 1, maxAttempts: 12 });
  await here('close', String(id), '--because', 'refunded in Stripe');
  await storeLineItems(db, [{ orderId: id, items: [] }]);
  expect(await db('notifications').where({ order_id: id })).toEqual([]);
});

describe('nor where its items are stored in that very moment,', () => {
  const close = (id: number) => here('close', String(id), '--because', 'refunded in Stripe');
  const store = (id: number) => storeLineItems(db, [{ orderId: id, items: [] }]);

  test.each([
    {
      when: 'begun before',
      first: store,
      second: close,
      held: 'insert into notifications (order_id, kind) values (:id, :kind)',
    },
    { when: 'begun after', first: close, second: store, held: 'lock table ops_actions in exclusive mode' },
  ])('$when it', async ({ first, second, held }) => {
    const { id } = await insertOrder(db);
    await insertFulfillment(db, id);
    await using door = await hold(db, (trx) => trx.raw(held, { id, kind: 'order_paid' }));
    const waits = (what: unknown) => untilWaiting(db, what === store ? 'worker' : 'ops', 1);
    const begun = first(id);
    await waits(first);
    const late = second(id);
    await Promise.race([late, waits(second)]);
    await door.release();
    await Promise.all([begun, late]);
    expect(await db('notifications').where({ order_id: id })).toEqual([]);
  });
});

test('an order that is owed nothing is let be, and it says so', async () => {
  const { id } = await insertOrder(db);
  await insertFulfillment(db, id, { status: 'fulfilled' });
  const before = await fulfillmentOf(id);
  expect(await here('close', String(id), '--because', 'refunded')).toEqual({
    ok: false,
    data: { error: `Order ${id} is owed nothing.`, order_id: id, fulfillments: 0, notifications: 0 },
    text: `Order ${id} is owed nothing.`,
  });
  expect(await fulfillmentOf(id)).toEqual(before);
  expect(await db('ops_actions').where({ subject: String(id) })).toEqual([]);
});

const owed = await insertOrder(db);

test.each([
  ['a transaction', ['close', String(owed.id), '--because', 'refunded in Stripe']],
  ['a statement', ['retry', 'dead']],
])(
  'who loses the database in %s is told that it was the database, and not that nothing was done',
  async (_what, args) => {
    await using _lock = await hold(db, (trx) => trx.raw('lock table fulfillments, notifications'));
    const asked = ops({ DATABASE_URL: way.url }, ...args);
    await untilWaiting(db, 'ops', 1);
    way.reset();
    const said = /^The connection to PostgreSQL broke \(.+\): .* may have been done all the same$/m;
    expect(await asked).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(said) });
  },
);

test('a reason is kept as PostgreSQL can hold it, and in one line', async () => {
  const { id } = await insertOrder(db);
  await insertFulfillment(db, id);
  expect(await here('close', String(id), '--because', 'refunded\0\n\u202etwice ')).toMatchObject({
    ok: true,
  });
  expect(await db('ops_actions').where({ subject: String(id) })).toMatchObject([
    { details: { because: 'refunded\ufffd twice' } },
  ]);
});

test.each([
  ['no reason', ['42'], 'required option'],
  ['an empty one', ['42', '--because', ' \u202e'], 'must not be empty'],
  ['a novel', ['42', '--because', 'x'.repeat(201)], '200 characters'],
])('%s is bad usage', async (_what, args, words) => {
  await expect(here('close', ...args)).rejects.toThrow(words);
});
