import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, jest, test } from '@jest/globals';
import { notifications } from '../../src/notifications/notify.ts';
import { type Erased, erase } from '../../src/ops/erase.ts';
import { findTraces } from '../../src/ops/traces.ts';
import { storeLineItems } from '../../src/orders/store.ts';
import { type Claim, claim, renew, settleFailed } from '../../src/work/queue.ts';
import { contentsOf } from '../support/database.ts';
import { newId } from '../support/new-id.ts';
import { openOps, ops } from '../support/ops.ts';
import { insertFulfillment, insertOrder, storedItem } from '../support/orders.ts';
import { hold, spawnService, startSurroundings, untilWaiting, workDir } from '../support/process.ts';
import { deliver } from '../support/service.ts';
import { lineItem } from '../support/stripe-api.ts';
import { checkoutSession, events, stripeEvent } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const { db, stripe, env } = await startSurroundings();
const here = openOps(env);

/** All that a customer says of themselves, recognisable by their name. */
function person(name: string, overrides: Record<string, unknown> = {}) {
  return checkoutSession({
    customer_details: { email: `${name}@Example.com`, name: `${name} Rosen`, phone: `+1 555 ${name}` },
    collected_information: {
      shipping_details: { name: `${name} Rosen`, address: { line1: `2 ${name} St` } },
    },
    custom_fields: [{ key: 'engraving', text: { value: `For ${name}` } }],
    metadata: { note: `call ${name}` },
    client_reference_id: `${name}@example.com`,
    customer: `cus_${name}`,
    payment_intent: newId(`pi_${name}`),
    ...overrides,
  });
}

/** Whatever is kept anywhere: each row of each table, and each file with its name. */
async function everything(): Promise<string> {
  const tables: string[] = await db('pg_tables').where({ schemaname: 'public' }).pluck('tablename');
  const rows = tables.map((table) => db(table).select(db.raw('??::text as row', [table])));
  const files = (await readdir(path.join(workDir, '.data'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(async ({ parentPath, name }) => name + (await readFile(path.join(parentPath, name), 'utf8')));
  return JSON.stringify(await Promise.all([...rows, ...files])).toLowerCase();
}

const occurrences = (text: string, word: string) => text.split(word).length - 1;
const actions = () => db('ops_actions').where({ action: 'erase' }).orderBy('id');

test('a person is nowhere any more, what was paid is, and nobody else has lost anything', async () => {
  await using service = await spawnService(env);
  const own = person('annabel');
  // An id that begins as the person's does: a mail's file is called by it.
  const others = person('joannabel', { id: `${own.id}0` });
  const sessions = [own, person('Annabel', { mode: 'subscription' }), others];
  for (const session of sessions) {
    stripe.keep(session, [lineItem(1, { metadata: session.metadata }), lineItem(2)]);
    expect(await deliver(service.url, events.completedPaid(session))).toBe(200);
  }
  const [first, , other] = sessions as [{ payment_intent: string }, unknown, { id: string }];
  const late = events.asyncFailed(sessions[0] as Record<string, unknown>);
  const ofPayment = {
    object: 'charge',
    id: 'ch_1',
    payment_intent: first.payment_intent,
    name: 'Annabel R.',
  };
  const ofCustomer = { object: 'customer', id: 'cus_annabel', phone: '+1 555 annabel' };
  const ofSetup = person('annabel', { mode: 'setup', customer: null, payment_intent: null });
  for (const event of [
    late,
    stripeEvent('charge.updated', ofPayment),
    stripeEvent('customer.updated', ofCustomer),
    events.completedPaid(ofSetup),
  ])
    expect(await deliver(service.url, event)).toBe(200);
  await until('all is fulfilled and mailed', async () => {
    const { fulfillments, notifications } = await contentsOf(db);
    return notifications.length === 3 && [...fulfillments, ...notifications].every(isDone);
  });
  const before = await contentsOf(db);
  expect(occurrences(await everything(), 'annabel')).toBeGreaterThan(50);

  const { code, stdout, stderr } = await ops(env, 'erase', ' ANNABEL@example.com', '--json');
  const ids = before.orders.slice(0, 2).map(({ id }) => id);
  const erased = { orders: ids, events: 6, notifications: 0, mail_files: 2 };
  expect([code, JSON.parse(stdout), stderr]).toEqual([0, erased, '']);

  const after = await contentsOf(db);
  const gone = {
    customer_email: null,
    customer_name: null,
    customer_phone: null,
    shipping_details: null,
    custom_fields: null,
  };
  expect(after).toEqual({
    ...before,
    orders: before.orders.map((order) =>
      ids.includes(order.id)
        ? { ...order, ...gone, metadata: null, client_reference_id: null, updated_at: expect.any(Date) }
        : order,
    ),
    lineItems: before.lineItems.map((item) =>
      ids.includes(item.order_id) ? { ...item, metadata: null } : item,
    ),
    events: before.events.map((event) =>
      event.checkout_session_id === other.id ? event : { ...event, payload: null },
    ),
  });
  const since = new Map(before.orders.map(({ id, updated_at }) => [id, updated_at]));
  expect(after.orders.filter(({ id, updated_at }) => updated_at > since.get(id)).map(({ id }) => id)).toEqual(
    ids,
  );
  const details = { ...erased, orders: 2 };
  expect(await actions()).toMatchObject(
    ids.map((id) => ({ subject: String(id), actor: expect.stringMatching(/^cli:\S+$/), details })),
  );

  // Only their ids are left; and Stripe's repeat of an event brings nothing back.
  expect(await deliver(service.url, late)).toBe(200);
  const rest = (await everything()).replaceAll(/(cus|pi)_annabel/g, '').replaceAll('joannabel', '');
  expect(occurrences(rest, 'annabel')).toBe(0);

  const again = await ops(env, 'erase', 'annabel@example.com');
  const none = 'No order is of this address, and no payload names it.\n';
  expect(again).toEqual({ code: 0, stdout: none, stderr: '' });
  expect(await actions()).toHaveLength(2);
});

const isDone = ({ status }: { status: string }) => status === 'fulfilled' || status === 'sent';

interface Given {
  readonly status?: 'awaiting_payment' | 'paid' | 'failed';
  /** Null: it has none, as where somebody has made the order by hand. */
  readonly fulfillment?: 'pending' | 'fulfilled' | 'dead' | null;
  /** Seconds until its next attempt; null for a dead one. */
  readonly mailDueIn?: number | null;
}

/** An order of a customer that nobody else is. */
async function orderWith({ status = 'paid', fulfillment = 'fulfilled', mailDueIn }: Given) {
  const customer_email = `${randomUUID()}@example.com`;
  const order = await insertOrder(db, { status, customer_email });
  const reason = { last_error: fulfillment === 'dead' ? `nobody is ${customer_email}` : null };
  if (status === 'paid' && fulfillment !== null)
    await insertFulfillment(db, order.id, { status: fulfillment, ...reason });
  if (mailDueIn !== undefined) {
    await db('notifications').insert({
      order_id: order.id,
      kind: 'order_paid',
      status: mailDueIn === null ? 'dead' : 'pending',
      next_attempt_at: mailDueIn === null ? null : db.raw(`now() + ? * interval '1 second'`, [mailDueIn]),
    });
  }
  return { ...order, customer_email };
}

test('whoever does not say yes has erased nothing, and a program is told so', async () => {
  const { customer_email } = await orderWith({});
  const before = await contentsOf(db);
  const stdin = Object.assign(Readable.from(['no\n']), { isTTY: true }) as unknown as typeof process.stdin;
  const [input, output] = [jest.spyOn(process, 'stdin', 'get'), jest.spyOn(process, 'stderr', 'get')];
  input.mockReturnValue(stdin);
  output.mockReturnValue(new PassThrough() as unknown as typeof process.stderr);
  const report = await here('erase', customer_email).finally(() => jest.restoreAllMocks());
  expect(report).toMatchObject({ ok: false, data: { error: 'Nothing was erased.', orders: [], events: 0 } });
  expect(await contentsOf(db)).toEqual(before);
});

test('a mail that can not be removed is told, and nothing is erased', async () => {
  const { checkout_session_id, customer_email } = await orderWith({});
  const file = path.join(workDir, `.data/mail/order-paid.${checkout_session_id}.eml`);
  await mkdir(file, { recursive: true });
  const before = await contentsOf(db);
  await expect(here('erase', customer_email, '--yes')).rejects.toThrow(file);
  expect(await contentsOf(db)).toEqual(before);
  await rmdir(file);
});

describe('what is owed yet', () => {
  test.each<[string, Given, string]>([
    ['waits for its money', { status: 'awaiting_payment' }, 'waits for its money'],
    ['is paid', { fulfillment: 'pending' }, 'is paid and not fulfilled yet'],
    ['has no fulfilment', { fulfillment: null }, 'is paid and not fulfilled yet'],
    ['is dead', { fulfillment: 'dead' }, 'npm run ops -- retry'],
    ['has a mail that may be under way', { mailDueIn: 29 }, 'erase in a minute'],
  ])('an order that %s is named, and nothing is erased', async (_what, given, words) => {
    const { id, customer_email } = await orderWith(given);
    const before = await contentsOf(db);
    await expect(here('erase', customer_email, '--yes')).rejects.toThrow(
      new RegExp(`order ${id} \\(cs_test_\\w+\\) .*${words}`),
    );
    expect(await contentsOf(db)).toEqual(before);
  });

  test('goes out without the data when it must be', async () => {
    const { id, customer_email } = await orderWith({ fulfillment: 'dead', mailDueIn: 0 });
    const failed = { work: 'fulfillments', work_id: 1, order_id: id, attempt: 1 };
    await db('failed_attempts').insert({ ...failed, error: `nobody is ${customer_email}` });
    const { code, stdout } = await ops(env, 'erase', customer_email, '--yes', '--force', '--json');
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { orders: [id], notifications: 1 }]);
    expect(await db('fulfillments').where({ order_id: id })).toMatchObject([
      { status: 'dead', last_error: null },
    ]);
    expect(await db('notifications').where({ order_id: id })).toEqual([]);
    expect(await everything()).not.toContain(customer_email);
  });

  test.each([
    ['is put off', 120],
    ['is dead', null],
  ])('a mail that %s stops nobody, and is owed no more', async (_what, mailDueIn) => {
    const { id, customer_email } = await orderWith({ mailDueIn });
    const { ok, data } = await here('erase', customer_email, '--yes');
    expect([ok, data]).toMatchObject([true, { orders: [id], notifications: 1 }]);
    expect(await db('notifications').where({ order_id: id })).toEqual([]);
  });

  test.each<[string, Given, string]>([
    [
      'is paid',
      { status: 'failed' },
      `update orders set status = 'paid', paid_at = now(), failed_at = null where id = ?`,
    ],
    [
      'is being written to',
      { mailDueIn: 3_600 },
      `update notifications set next_attempt_at = now() + interval '30 s' where order_id = ?`,
    ],
  ])('an order that %s at this very moment is not erased', async (_what, given, sql) => {
    const { id, customer_email } = await orderWith(given);
    const other = await db.transaction();
    await other.raw(sql, [id]);
    const erasing = here('erase', customer_email, '--yes');
    erasing.catch(() => {});
    await untilWaiting(db, 'ops', 1);
    await other.commit();
    await expect(erasing).rejects.toThrow(`order ${id}`);
    expect(await db('orders').where({ id })).toMatchObject([{ customer_email }]);
  });
});

test("the shop's own reference stays, and an event whose payload is gone already is not counted", async () => {
  const { id, checkout_session_id, customer_email } = await orderWith({});
  await db('orders').where({ id }).update({ client_reference_id: 'cart_2041' });
  const type = 'checkout.session.completed';
  const event = { id: 'evt_emptied', type, livemode: false, created_at: db.fn.now(), outcome: 'applied' };
  await db('stripe_events').insert({ ...event, checkout_session_id, payload: null });
  const { data } = await here('erase', customer_email, '--yes');
  expect(data).toMatchObject({ orders: [id], events: 0 });
  expect(await db('orders').where({ id })).toMatchObject([{ client_reference_id: 'cart_2041' }]);
});

test('an order whose mail is claimed while its own lock is waited for is not erased', async () => {
  const { id, customer_email } = await orderWith({ mailDueIn: -3_600 });
  const traces = await findTraces(db, customer_email);
  await using door = await hold(db, (trx) => trx.raw('select from orders where id = ? for update', [id]));
  const erasing = erase(db, traces, { email: customer_email, mailDir: workDir, actor: 'test', force: false });
  erasing.catch(() => {});
  await untilWaiting(db, 'worker', 1);
  await renew(db, notifications, await claim(db, notifications, { limit: 1, maxAttempts: 12 }));
  await door.release();
  await expect(erasing).rejects.toThrow('erase in a minute');
});

test('two at once, while an event comes in: one of them erases both, and it is kept once', async () => {
  const { id, checkout_session_id, customer_email } = await orderWith({});
  await using door = await hold(db, (trx) => trx.raw('select from orders where id = ? for update', [id]));
  const both = [1, 2].map(() => here('erase', customer_email, '--yes'));
  await untilWaiting(db, 'ops', 2);
  const type = 'checkout.session.completed';
  const event = { id: 'evt_late', type, livemode: false, created_at: db.fn.now(), outcome: 'stale' };
  await db('stripe_events').insert({ ...event, checkout_session_id, payload: '{}' });
  await door.release();
  const orders = (await Promise.all(both)).map(({ data }) => (data as Erased).orders);
  expect(orders.toSorted()).toEqual([[], [id]]);
  expect(await actions().where({ subject: String(id) })).toMatchObject([{ details: { events: 1 } }]);
});

test('two persons at once, whose orders wait for their items: no circle', async () => {
  const given = [await orderWith({ fulfillment: 'pending' }), await orderWith({ fulfillment: 'pending' })];
  await using door = await hold(db, (trx) => trx.raw('lock table order_line_items in row exclusive mode'));
  const both = given.map(({ customer_email }) => here('erase', customer_email, '--yes', '--force'));
  await untilWaiting(db, 'ops', 2);
  await door.release();
  const erased = (await Promise.all(both)).map(({ data }) => (data as Erased).orders);
  expect(erased).toEqual(given.map(({ id }) => [id]));
});

test('an attempt at a mail that fails meanwhile is settled, and the order erased: no circle', async () => {
  const { id, customer_email } = await orderWith({ mailDueIn: -3_600 });
  const [attempt] = await claim(db, notifications, { limit: 1, maxAttempts: 12 });
  await using door = await hold(db, (trx) =>
    trx.raw('select from notifications where order_id = ? for update', [id]),
  );
  const settling = settleFailed(db, notifications, attempt as Claim, { error: 'no', pauseMs: 90_000 });
  await untilWaiting(db, 'worker', 1);
  const traces = await findTraces(db, customer_email);
  const erasing = erase(db, traces, { email: customer_email, mailDir: workDir, actor: 'test', force: true });
  await untilWaiting(db, 'worker', 2);
  await door.release();
  expect(await settling).toBe(true);
  expect(await erasing).toMatchObject({ orders: [id], notifications: 1 });
  expect(await db('failed_attempts').where({ order_id: id }).pluck('error')).toEqual(['erased']);
});

describe('an order whose items are stored in that very moment owes the erased customer no receipt and tells nothing of them,', () => {
  const store = (id: number) => storeLineItems(db, [{ orderId: id, items: [storedItem(0)] }]);
  async function eraseAll(_id: number, email: string, force: boolean): Promise<unknown> {
    const traces = await findTraces(db, email);
    return erase(db, traces, { email, mailDir: workDir, actor: 'test', force });
  }
  const untilErased = 'lock table ops_actions in exclusive mode';

  test.each([
    {
      when: 'begun before',
      fulfillment: 'pending' as const,
      steps: [store, eraseAll],
      held: 'insert into notifications (order_id, kind) values (:id, :kind)',
    },
    { when: 'begun after', fulfillment: 'pending' as const, steps: [eraseAll, store], held: untilErased },
    // It was closed, and so needs no --force.
    { when: 'begun after', fulfillment: 'fulfilled' as const, steps: [eraseAll, store], held: untilErased },
  ])('$when it: $fulfillment', async ({ fulfillment, steps, held }) => {
    const { id, customer_email } = await orderWith({ fulfillment });
    await using door = await hold(db, (trx) => trx.raw(held, { id, kind: 'order_paid' }));
    const begun: Promise<unknown>[] = [];
    for (const step of steps) {
      begun.push(step(id, customer_email, fulfillment === 'pending'));
      await untilWaiting(db, 'worker', begun.length);
    }
    await door.release();
    await Promise.all(begun);
    expect(await db('orders').where({ id })).toMatchObject([{ customer_email: null }]);
    expect(await db('notifications').where({ order_id: id })).toEqual([]);
    expect(await db('order_line_items').where({ order_id: id })).toMatchObject([{ metadata: null }]);
  });
});

/** Erases while another has the row that is locked first, and wants the second one: it would wait for us, and we for it. */
async function eraseBeside(
  email: string,
  table: 'orders' | 'fulfillments' | 'stripe_events',
  rows: readonly [first: object, second: object],
): Promise<{ erasing: Promise<Erased> }> {
  const other = await db.transaction();
  const lock = (row: object) => other(table).where(row).forUpdate().noWait();
  try {
    await lock(rows[0]);
    const traces = await findTraces(db, email);
    const erasing = erase(db, traces, { email, mailDir: workDir, actor: 'test', force: true });
    await untilWaiting(db, 'worker', 1);
    await lock(rows[1]);
    return { erasing };
  } finally {
    await other.rollback();
  }
}

test('orders are locked in the order of their ids, as by what comes in: no circle', async () => {
  const { id: first, customer_email } = await orderWith({});
  const { id: second } = await insertOrder(db, { customer_email });
  // So that they do not lie in that order.
  await db('orders').where({ id: first }).update({ client_reference_id: 'moved' });
  const { erasing } = await eraseBeside(customer_email, 'orders', [{ id: first }, { id: second }]);
  expect(await erasing).toMatchObject({ orders: [first, second] });
});

test('so are their fulfilments, as by attempts that are settled together: no circle', async () => {
  const { id: unpaid, customer_email } = await orderWith({ status: 'awaiting_payment' });
  const { id: paid } = await insertOrder(db, { customer_email });
  // The one that is owed longer comes second by its order's id and, written anew, by its place.
  await insertFulfillment(db, paid);
  await insertFulfillment(db, unpaid);
  await db('fulfillments').where({ order_id: paid }).update({ next_attempt_at: db.fn.now() });
  const { erasing } = await eraseBeside(customer_email, 'fulfillments', [
    { order_id: paid },
    { order_id: unpaid },
  ]);
  expect(await erasing).toMatchObject({ orders: [unpaid, paid] });
});

test('events that no order belongs to are found by the address, and are accounted for', async () => {
  const rows = ['"Ünsal@example.com"', '"\\u00dcnsal@example.com"', '"günsal@example.com"'].map(
    (email, i) => ({
      id: `evt_${i}`,
      type: 'customer.created',
      livemode: false,
      created_at: db.fn.now(),
      outcome: 'ignored',
      payload: `{"email": ${email}}`,
    }),
  );
  await db('stripe_events').insert(rows);
  const { code, stdout } = await ops(env, 'erase', 'Ünsal@example.com', '--yes', '--json');
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { orders: [], events: 2 }]);
  expect(await actions().where({ subject: 'stripe_events' })).toMatchObject([{ details: { events: 2 } }]);
});

test('they are locked in the order of their ids, as by a batch that repeats several of them: no circle', async () => {
  const email = 'twice@example.com';
  const event = { type: 'customer.created', livemode: false, created_at: db.fn.now(), outcome: 'ignored' };
  const ids = ['evt_of_twice_a', 'evt_of_twice_b'] as const;
  // The one whose id comes second lies before the other.
  for (const id of [...ids].reverse()) await db('stripe_events').insert({ ...event, id, payload: { email } });
  const { erasing } = await eraseBeside(email, 'stripe_events', [{ id: ids[0] }, { id: ids[1] }]);
  expect(await erasing).toMatchObject({ orders: [], events: 2 });
});

test('an address may begin as an option does', async () => {
  const { id } = await insertOrder(db, { status: 'failed', customer_email: '--x@example.com' });
  const { code, stdout } = await ops(env, 'erase', '--yes', '--json', '--', '--x@example.com');
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { orders: [id] }]);
});

test.each(['jenny', 'Jenny <jenny@example.com>', '<jenny@example.com>', 'jenny@example.com,'])(
  'what is no address alone is bad usage: %s',
  async (given) => {
    await expect(here('erase', given)).rejects.toThrow('must be a mail address');
  },
);
