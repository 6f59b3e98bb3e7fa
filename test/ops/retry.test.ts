import { expect, test } from '@jest/globals';
import type { Affected } from '../../src/ops/affected.ts';
import { closeOrder } from '../../src/ops/close.ts';
import { retryDead, retryOrder } from '../../src/ops/retry.ts';
import { createTestDatabase } from '../support/database.ts';
import { openOps, ops } from '../support/ops.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { untilWaiting } from '../support/process.ts';

const { db, url: DATABASE_URL } = await createTestDatabase();
const env = { DATABASE_URL };
const here = openOps(env);

/** A paid order whose fulfilment stands so; `dueIn` in seconds, null for what is not pending. */
async function orderWith(status: string, dueIn: number | null, columns: Record<string, number> = {}) {
  const order = await insertOrder(db);
  await insertFulfillment(db, order.id, {
    status,
    attempts: 12,
    last_error: 'the receiver answered 500',
    next_attempt_at: dueIn === null ? null : db.raw(`now() + ? * interval '1 second'`, [dueIn]),
    ...columns,
  });
  return order;
}

const fulfillmentOf = (id: number) =>
  db('fulfillments').where({ order_id: id }).select('*', db.raw('next_attempt_at <= now() as due')).first();
const actionsOf = (id: number) => db('ops_actions').where({ subject: String(id) });

test('a container whose system has no name for its user: the number is kept', async () => {
  const { id } = await orderWith('dead', null);
  const nameless = `data:text/javascript,import os from 'node:os'; import { syncBuiltinESMExports } from 'node:module';
    os.userInfo = () => { throw new Error('ENOENT') }; syncBuiltinESMExports();`;
  const NODE_OPTIONS = `--import=${nameless.replaceAll(/\s+/g, '%20')}`;
  expect((await ops({ ...env, NODE_OPTIONS }, 'retry', String(id))).code).toBe(0);
  expect(await actionsOf(id)).toMatchObject([{ actor: `cli:${process.getuid?.() ?? 'unknown'}` }]);
});

test('a dead fulfilment is due at once with all its attempts, and who did it is kept', async () => {
  const { id, checkout_session_id } = await orderWith('dead', null);
  const { code, stdout } = await ops(env, 'retry', checkout_session_id);
  expect([code, stdout]).toEqual([0, `Order ${id}: its fulfilment will be tried again now.\n`]);
  expect(await fulfillmentOf(id)).toMatchObject({ status: 'pending', attempts: 0, due: true });
  expect(await actionsOf(id)).toMatchObject([
    {
      action: 'retry',
      actor: expect.stringMatching(/^cli:\S+$/),
      details: { fulfillments: 1, notifications: 0 },
    },
  ]);
});

test('one that waits for its next attempt is due at once with the attempts it has left', async () => {
  const { id } = await orderWith('pending', 3_600, { attempts: 5 });
  expect(await here('retry', String(id))).toMatchObject({
    ok: true,
    data: { order_id: id, fulfillments: 1, notifications: 0 },
  });
  expect(await fulfillmentOf(id)).toMatchObject({ status: 'pending', attempts: 5, due: true });
});

test.each<[string, (id: number) => Promise<Affected>]>([
  ['tries an order again', (id) => retryOrder(db, id, 'test')],
  ['tries all that is dead again', () => retryDead(db, 'test')],
  ['closes an order', (id) => closeOrder(db, id, { because: 'refunded', actor: 'test' })],
])('whoever erases the order goes on while another one %s: no circle', async (_what, act) => {
  const { id } = await orderWith('dead', null);
  await db('notifications').insert({
    order_id: id,
    kind: 'order_paid',
    status: 'dead',
    next_attempt_at: null,
  });
  const erasing = await db.transaction();
  await erasing.raw('update fulfillments set last_error = null where order_id = ?', [id]);
  const acting = act(id);
  await untilWaiting(db, 'worker', 1);
  await erasing.raw('select from notifications where order_id = ? for update', [id]);
  await erasing.commit();
  expect(await acting).toEqual({ fulfillments: 1, notifications: 1 });
});

test('a dead mail of an order that has no other trouble is due at once, and that is kept too', async () => {
  const { id } = await orderWith('fulfilled', null);
  const mail = { order_id: id, kind: 'order_paid', status: 'dead', next_attempt_at: null };
  await db('notifications').insert(mail);
  expect(await here('retry', String(id))).toMatchObject({ ok: true, data: { notifications: 1 } });
  expect(await db('notifications').where({ order_id: id })).toMatchObject([{ status: 'pending' }]);
  const details = { fulfillments: 0, notifications: 1 };
  expect(await actionsOf(id)).toMatchObject([{ action: 'retry', details }]);
});

test.each([
  ['may be in an attempt right now', 'pending', 29],
  ['is done', 'fulfilled', null],
])('what %s is let be, and it says so', async (_what, status, dueIn) => {
  const { id } = await orderWith(status, dueIn, { attempts_lost: 1 });
  const before = await db('fulfillments').where({ order_id: id });
  const text = `Order ${id} has nothing to try again: nothing of it is dead or put off.`;
  expect(await here('retry', String(id))).toEqual({
    ok: false,
    data: { error: text, order_id: id, fulfillments: 0, notifications: 0 },
    text,
  });
  expect(await db('fulfillments').where({ order_id: id })).toEqual(before);
  expect(await actionsOf(id)).toEqual([]);
});

test('all that is dead is due at once, and kept with each order; what is not dead is let be', async () => {
  const [dead, partly, waiting] = [
    await orderWith('dead', null),
    await orderWith('dead', null),
    await orderWith('pending', 3_600),
  ];
  await db('notifications').insert({
    order_id: dead.id,
    kind: 'order_paid',
    status: 'dead',
    next_attempt_at: null,
  });
  await db('notifications').insert({
    order_id: partly.id,
    kind: 'order_paid',
    next_attempt_at: db.raw(`now() + interval '1 hour'`),
  });
  expect(await here('retry', 'dead')).toMatchObject({
    ok: true,
    text: '2 fulfilments and 1 mail will be tried again now.',
  });
  for (const { id } of [dead, partly])
    expect(await fulfillmentOf(id)).toMatchObject({ status: 'pending', attempts: 0, due: true });
  expect(await db('notifications').where({ order_id: dead.id })).toMatchObject([
    { status: 'pending', attempts: 0, next_attempt_at: expect.any(Date) },
  ]);
  expect(await fulfillmentOf(waiting.id)).toMatchObject({ attempts: 12, due: false });
  const putOff = db('notifications')
    .where({ order_id: partly.id })
    .where('next_attempt_at', '>', db.fn.now());
  expect(await putOff).toHaveLength(1);
  const kept = [dead, partly, waiting].map(({ id }) => actionsOf(id));
  expect(await Promise.all(kept)).toMatchObject([
    [
      {
        action: 'retry',
        actor: expect.stringMatching(/^cli:/),
        details: { fulfillments: 1, notifications: 1 },
      },
    ],
    [{ action: 'retry', details: { fulfillments: 1, notifications: 0 } }],
    [],
  ]);
  expect(await here('retry', 'dead')).toMatchObject({ ok: true, text: 'Nothing is dead.' });
});

test('what is dead of very many orders is tried again in more than one transaction, each order once', async () => {
  await db.raw(
    `with many as (
       insert into orders (checkout_session_id, status, payment_status, mode, livemode, paid_at)
       select 'cs_many_' || n, 'paid', 'paid', 'payment', false, now() from generate_series(1, 5001) as n
       returning id
     )
     insert into fulfillments (order_id, status, attempts, next_attempt_at) select id, 'dead', 12, null from many`,
  );
  expect(await retryDead(db, 'many')).toEqual({ fulfillments: 5_001, notifications: 0 });
  const { rows } = await db.raw(
    `select count(*) as actions, count(distinct subject) as orders, count(distinct xmin::text) as transactions
     from ops_actions where actor = 'many'`,
  );
  expect(rows).toEqual([{ actions: 5_001, orders: 5_001, transactions: 2 }]);
});

test.each([
  ['an order that does not exist', ['retry', '999999'], 1, 'There is no order 999999.'],
  ['what is no id', ['retry', 'jenny'], 2, 'neither an order'],
  ['an id of something else', ['replay', 'cs_1'], 2, "cs_1 is no event's id"],
  ['what is no option', ['retry', '--al'], 2, 'Help: npm run ops -- --help'],
  ['what is no option further below', ['endpoint', 'create', '--al'], 2, 'Help: npm run ops -- --help'],
  ['no argument', ['retry'], 2, 'missing required argument'],
  ['a command that does not exist', ['refund'], 2, 'unknown command'],
])('%s is a clear error', async (_what, args, code, words) => {
  const ran = await ops(env, ...args);
  expect([ran.code, ran.stdout, ran.stderr]).toEqual([code, '', expect.stringContaining(words)]);
});

test('nothing is tried again, or closed, of which nobody could be told who did it', async () => {
  const { id } = await orderWith('dead', null);
  for (const act of [
    () => retryOrder(db, id, null as never),
    () => retryDead(db, null as never),
    () => closeOrder(db, id, { because: 'refunded', actor: null as never }),
  ])
    await expect(act()).rejects.toThrow('"actor"');
  expect(await fulfillmentOf(id)).toMatchObject({ status: 'dead', attempts: 12 });
});
