import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Knex } from '../../src/db/knex.ts';
import { fulfillments as queue } from '../../src/fulfillment/fulfill.ts';
import { makeDue, ordersWithDead, settleByHand, withdraw } from '../../src/work/by-hand.ts';
import { type Claim, claim, release, renew, settleDone, settleFailed } from '../../src/work/queue.ts';
import { createTestDatabase } from '../support/database.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { untilWaiting } from '../support/process.ts';

const { db } = await createTestDatabase();

beforeEach(() => db('fulfillments').del());

/** An order's fulfillment, due since `overdueSeconds` (negative: not yet). */
async function owe({
  overdueSeconds = 1,
  ...columns
}: {
  overdueSeconds?: number;
  attempts?: number;
  attempts_lost?: number;
  last_error?: string;
} = {}): Promise<number> {
  const order = await insertOrder(db);
  const next_attempt_at = db.raw(`now() - ? * interval '1 second'`, [overdueSeconds]);
  await insertFulfillment(db, order.id, { next_attempt_at, ...columns });
  const { id } = await db('fulfillments').where({ order_id: order.id }).first();
  return id;
}

const rowOf = async (id: number, on: Knex = db) => {
  const seconds = db.raw('extract(epoch from next_attempt_at - now())::float8 as due_in');
  return on('fulfillments').where({ id }).select('*', seconds).first();
};
const failuresOf = (id: number) =>
  db('failed_attempts').where({ work: 'fulfillments', work_id: id }).orderBy('id');
const claimAll = (limit = 10, on: Knex = db) =>
  claim<Claim & { next_attempt_at: Date }>(on, queue, { limit, maxAttempts: 12 });
/** All of it at one time of the database's, as a transaction has it. */
const atOnce = (work: (trx: Knex) => Promise<void>) => db.transaction(work);

/** What is claimed by a process that was killed by what it had claimed, and is back once all leases have ended. */
async function claimAfterKill(): Promise<Claim[]> {
  await db('fulfillments').where({ status: 'pending' }).update({ next_attempt_at: db.fn.now() });
  return await claimAll();
}

describe('claim', () => {
  test('takes what is due, the longest due first, counts the attempt and leases it for 20 to 30 s', async () => {
    const late = await owe({ overdueSeconds: 5 });
    const later = await owe({ overdueSeconds: 60 });
    await owe({ overdueSeconds: -60 });
    await atOnce(async (trx) => {
      const [first] = await claimAll(1, trx);
      expect(first).toMatchObject({ id: later, attempts: 1, status: 'pending' });
      const { due_in } = await rowOf(later, trx);
      expect(due_in).toBeGreaterThanOrEqual(20);
      expect(due_in).toBeLessThanOrEqual(30);
    });
    expect((await claimAll()).map(({ id }) => id)).toEqual([late]);
    expect(await claimAll()).toEqual([]);
  });

  test('leases that end one by one, so that a killed process leaves no crowd', async () => {
    for (let n = 0; n < 50; n += 1) await owe();
    const claimed = await claimAll(50);
    const ends = claimed.map(({ next_attempt_at }) => Number(next_attempt_at)).toSorted((a, b) => a - b);
    const mostWithin = (ms: number) =>
      Math.max(...ends.map((end) => ends.filter((other) => other >= end && other < end + ms).length));
    expect(claimed).toHaveLength(50);
    expect(mostWithin(1_000)).toBeLessThan(25);
  });

  test('passes over what another process is claiming right now', async () => {
    const held = await owe();
    const free = await owe();
    const other = await db.transaction();
    await other('fulfillments').where({ id: held }).forUpdate();
    expect((await claimAll()).map(({ id }) => id)).toEqual([free]);
    await other.rollback();
    expect((await claimAll()).map(({ id }) => id)).toEqual([held]);
  });

  test('takes of what may kill its process, as nobody heard of three attempts, one at a time', async () => {
    const second = await owe({ attempts: 3, attempts_lost: 3, overdueSeconds: 5 });
    const first = await owe({ attempts: 5, attempts_lost: 4, last_error: 'down', overdueSeconds: 60 });
    const usedUp = await owe({ attempts: 12, attempts_lost: 12, overdueSeconds: 3 });
    const others = [
      await owe(),
      await owe({ attempts: 2, attempts_lost: 2 }),
      await owe({ attempts: 11, attempts_lost: 0, last_error: 'down' }),
    ];
    const idsOf = (claims: Claim[]) => claims.map(({ id }) => id).toSorted((a, b) => a - b);
    expect(idsOf(await claimAll())).toEqual([first, ...others]);
    expect(idsOf(await claimAll())).toEqual([second]);
    expect(await claimAll()).toMatchObject([{ id: usedUp, status: 'dead' }]);
  });

  test('dead work that a person gives all its attempts anew is claimed together again, whatever it died of', async () => {
    for (let n = 0; n < 3; n += 1) await owe({ attempts: 12, attempts_lost: 12 });
    for (let n = 0; n < 3; n += 1)
      expect(await claimAll()).toMatchObject([{ status: 'dead', attempts_lost: 0 }]);
    for (const { order_id } of await db('fulfillments')) await makeDue(db, queue, [order_id]);
    expect(await claimAll()).toHaveLength(3);
  });

  test('work is suspected after three attempts of which nobody heard, whatever it failed for before, until one comes to an end', async () => {
    await owe();
    await owe();
    const fail = (one: Claim) => settleFailed(db, queue, one, { error: 'down', pauseMs: 0 });
    for (const one of await claimAll()) await fail(one);
    for (const _time of [1, 2, 3]) expect(await claimAfterKill()).toHaveLength(2);
    const alone = [await claimAfterKill(), await claimAll()];
    expect(alone).toMatchObject([[{ attempts: 5 }], [{ attempts: 5 }]]);
    for (const one of alone.flat()) await fail(one);
    expect(await claimAfterKill()).toHaveLength(2);
  });

  test('work that is handed back before its attempt began is suspected as before', async () => {
    for (let n = 0; n < 2; n += 1) await owe({ attempts: 3, attempts_lost: 3 });
    const claimed = await claimAll();
    expect(claimed).toMatchObject([{ attempts: 4, attempts_lost: 4 }]);
    await release(db, queue, claimed, { counted: false });
    expect(await claimAll()).toMatchObject([{ attempts: 4, attempts_lost: 4 }]);
  });

  test('a suspect that is left out leaves its turn to the next one', async () => {
    const lost = { attempts: 3, attempts_lost: 3 };
    const [first, second] = [await owe({ ...lost, overdueSeconds: 2 }), await owe(lost)];
    const claiming = claim(db, queue, { limit: 10, maxAttempts: 12, except: [first] });
    expect(await claiming).toMatchObject([{ id: second }]);
  });

  test('a last attempt whose process was killed is made again, the last time alone', async () => {
    for (let n = 0; n < 2; n += 1) await owe({ attempts: 11, last_error: 'down' });
    for (const attempts of [12, 13, 14])
      expect(await claimAfterKill()).toMatchObject(Array(2).fill({ attempts, status: 'pending' }));
    for (const claimed of [await claimAfterKill(), await claimAll()])
      expect(claimed).toMatchObject([{ attempts: 15, status: 'pending' }]);
    for (const claimed of [await claimAfterKill(), await claimAll()])
      expect(claimed).toMatchObject([{ attempts: 15, status: 'dead', last_error: 'the process was killed' }]);
  });

  test('work whose attempts are used up comes back dead, with a reason', async () => {
    const id = await owe({ attempts: 12, attempts_lost: 12 });
    expect(await claimAll()).toMatchObject([{ id, status: 'dead', attempts: 12 }]);
    expect(await rowOf(id)).toMatchObject({
      status: 'dead',
      next_attempt_at: null,
      last_error: 'the process was killed',
    });
    expect(await failuresOf(id)).toMatchObject([
      { attempt: 12, error: 'the process was killed', next_attempt_at: null },
    ]);
    expect(await claimAll()).toEqual([]);
  });

  test.each([
    [0, 'FULFILLMENT_MAX_ATTEMPTS was lowered', 'the receiver answered 500'],
    [4, 'the process was killed', 'the process was killed'],
  ])(
    'work that is dead says why, and why its last attempt failed, by whether somebody heard of that (%d lost)',
    async (attempts_lost, error, last_error) => {
      const id = await owe({ attempts: 12, attempts_lost, last_error: 'the receiver answered 500' });
      await claimAll();
      expect(await rowOf(id)).toMatchObject({ status: 'dead', last_error });
      expect(await failuresOf(id)).toMatchObject([{ attempt: 12, error, next_attempt_at: null }]);
    },
  );

  test('so does work of which no attempt has failed, as where every one was broken off by a stop', async () => {
    const id = await owe({ attempts: 12 });
    await claimAll();
    expect(await rowOf(id)).toMatchObject({
      status: 'dead',
      last_error: 'FULFILLMENT_MAX_ATTEMPTS was lowered',
    });
  });
});

describe('an attempt whose lease ended and was claimed again', () => {
  test('can neither settle, nor renew, nor release: the later attempt holds the row', async () => {
    const id = await owe();
    const [lost] = await claimAll();
    await db('fulfillments').where({ id }).update({ next_attempt_at: db.fn.now() });
    const [held] = await claimAll();
    const before = await rowOf(id);
    if (!lost || !held) throw new Error('nothing was claimed');

    expect(await settleDone(db, queue, [lost])).toEqual([]);
    expect(await settleFailed(db, queue, lost, { error: 'late', pauseMs: null })).toBe(false);
    expect(await renew(db, queue, [lost])).toEqual([]);
    await release(db, queue, [lost], { counted: true });
    await release(db, queue, [lost], { counted: false });
    expect(await failuresOf(id)).toEqual([]);
    expect({ ...(await rowOf(id)), due_in: 0 }).toEqual({ ...before, due_in: 0 });

    expect(await settleDone(db, queue, [held])).toEqual([id]);
    expect(await rowOf(id)).toMatchObject({
      status: 'fulfilled',
      attempts: 2,
      attempts_lost: 0,
      next_attempt_at: null,
      last_error: null,
    });
  });
});

test('an attempt whose lease ended, and whose work was given up by then, is not done', async () => {
  const id = await owe({ attempts: 11, attempts_lost: 3 });
  const held = await claimAll();
  expect(await claimAfterKill()).toMatchObject([{ id, attempts: 12, status: 'dead' }]);
  const dead = await rowOf(id);
  expect(await settleDone(db, queue, held)).toEqual([]);
  expect(await rowOf(id)).toEqual(dead);
});

describe('many settled in one statement', () => {
  const pendingNow = async () => (await db('fulfillments').where({ status: 'pending' })).map(({ id }) => id);

  test('are done but for those whose lease was lost', async () => {
    const ids = [await owe(), await owe(), await owe()];
    const held = await claimAll();
    const lost = ids[1] as number;
    await db('fulfillments').where({ id: lost }).increment('attempts', 1);
    expect((await settleDone(db, queue, held)).toSorted((a, b) => a - b)).toEqual(
      ids.filter((id) => id !== lost),
    );
    expect(await pendingNow()).toEqual([lost]);
  });

  test('are left alone where another claim overtakes the statement itself', async () => {
    const [first, second] = [await owe(), await owe()];
    const held = await claimAll();
    const other = await db.transaction();
    await other('fulfillments').where({ id: first }).increment('attempts', 1);
    const settled = settleDone(db, queue, held);
    await untilWaiting(db, 'worker', 1);
    await other.commit();
    expect(await settled).toEqual([second]);
    expect(await rowOf(first)).toMatchObject({ status: 'pending', attempts: 2 });
  });

  test('are locked in the order of ids, so that no two statements wait for each other', async () => {
    const [first, second] = [await owe(), await owe()];
    const held = (await claimAll()).toSorted((a, b) => b.id - a.id);
    const other = await db.transaction();
    await other('fulfillments').where({ id: first }).forUpdate();
    const settling = settleDone(db, queue, held);
    await untilWaiting(db, 'worker', 1);
    await other('fulfillments').where({ id: second }).forUpdate().noWait();
    await other.rollback();
    expect((await settling).toSorted((a, b) => a - b)).toEqual([first, second]);
  });
});

test.each([
  ['made due', async (orderIds: number[]) => (await makeDue(db, queue, orderIds)).length],
  [
    'made due where it is dead',
    async (orderIds: number[]) => (await makeDue(db, queue, orderIds, { onlyDead: true })).length,
  ],
  ['withdrawn', (orderIds: number[]) => withdraw(db, queue, orderIds)],
])(
  'what is %s is locked in the order of ids, so that nobody waits for an attempt, or another person, in a circle',
  async (_how, act) => {
    const [first, second] = [await owe(), await owe()];
    // The first one's row is written anew, and so behind the second one's.
    for (const id of [second, first])
      await db('fulfillments').where({ id }).update({ status: 'dead', next_attempt_at: null });
    const other = await db.transaction();
    let acting: Promise<number>;
    try {
      await other('fulfillments').where({ id: first }).forUpdate();
      acting = act(await ordersWithDead(db, queue));
      await untilWaiting(db, 'worker', 1);
      await other('fulfillments').where({ id: second }).forUpdate().noWait();
    } finally {
      await other.rollback();
    }
    expect(await acting).toBe(2);
    expect(await db('fulfillments').where({ status: 'dead' })).toEqual([]);
  },
);

describe('a held claim', () => {
  test('is renewed for 30 s more', async () => {
    const id = await owe();
    const held = await claimAll();
    await atOnce(async (trx) => {
      await trx('fulfillments').update({ next_attempt_at: db.raw(`now() + interval '1 second'`) });
      expect(await renew(trx, queue, held)).toEqual([{ id, renewed: true }]);
      expect(await rowOf(id, trx)).toMatchObject({ due_in: 30 });
    });
  });

  test('is not once its failure is written: the pause stays as it is', async () => {
    const id = await owe();
    const held = await claimAll();
    await settleFailed(db, queue, held[0] as Claim, { error: 'no', pauseMs: 3_600_000 });
    expect(await renew(db, queue, held)).toEqual([]);
    expect((await rowOf(id)).due_in).toBeGreaterThan(3_500);
  });

  test('whose row somebody has locked is left for later, and costs no other its lease', async () => {
    const [locked, free] = [await owe(), await owe()];
    const held = await claimAll();
    await db('fulfillments').update({ next_attempt_at: db.raw(`now() + interval '1 minute'`) });
    const other = await db.transaction();
    await other('fulfillments').where({ id: locked }).forUpdate();
    expect((await renew(db, queue, held)).toSorted((a, b) => a.id - b.id)).toEqual([
      { id: locked, renewed: false },
      { id: free, renewed: true },
    ]);
    await release(db, queue, held, { counted: true });
    await other.rollback();
    expect((await rowOf(locked)).due_in).toBeGreaterThan(0);
    const released = await rowOf(free);
    expect(released.due_in).toBeLessThanOrEqual(0);
    expect(released.attempts_lost).toBe(0);
  });

  test('that a person has brought to an end is lost, and costs no other its lease', async () => {
    const [ended, free] = [await owe(), await owe()];
    const held = await claimAll();
    const lost = held.find(({ id }) => id === ended) as Claim;
    expect(await settleByHand(db, queue, lost.order_id)).toBe(1);
    const before = await rowOf(ended);
    expect(await renew(db, queue, held)).toEqual([{ id: free, renewed: true }]);
    await release(db, queue, held, { counted: true });
    expect((await rowOf(free)).due_in).toBeLessThanOrEqual(0);
    expect(await settleFailed(db, queue, lost, { error: 'no', pauseMs: 0 })).toBe(false);
    expect(await settleDone(db, queue, held)).toEqual([free]);
    expect(await rowOf(ended)).toEqual(before);
    expect(await failuresOf(ended)).toEqual([]);
  });

  test.each([
    [true, 2],
    [false, 1],
  ])('is due again at once when released, and its attempt counted or not (%s)', async (counted, attempts) => {
    const id = await owe();
    await release(db, queue, await claimAll(), { counted });
    expect(await claimAll()).toMatchObject([{ id, attempts }]);
  });

  test.each([90_000, null])('fails once, though its failure is written again (pause %p)', async (pauseMs) => {
    const id = await owe();
    const [row] = await claimAll();
    const write = () => settleFailed(db, queue, row as Claim, { error: 'no', pauseMs });
    expect(await write()).toBe(true);
    const after = await db('fulfillments').where({ id }).first();
    // The answer to the first one was lost.
    expect(await write()).toBe(true);
    expect(await db('fulfillments').where({ id }).first()).toEqual(after);
    expect(await failuresOf(id)).toHaveLength(1);
  });

  test('is done once, though its success is written again', async () => {
    const id = await owe();
    const held = await claimAll();
    expect(await settleDone(db, queue, held)).toEqual([id]);
    const after = await db('fulfillments').where({ id }).first();
    expect(await settleDone(db, queue, held)).toEqual([id]);
    expect(await db('fulfillments').where({ id }).first()).toEqual(after);
  });

  test.each([
    ['done', async (row: Claim) => (await settleDone(db, queue, [row])).length === 1],
    ['failed', (row: Claim) => settleFailed(db, queue, row, { error: 'no', pauseMs: 90_000 })],
  ])(
    'is %s for both, where it is written again before the first has come to an end',
    async (_what, write) => {
      const id = await owe();
      const [row] = await claimAll();
      const other = await db.transaction();
      await other('fulfillments').where({ id }).forUpdate();
      const both = Promise.all([write(row as Claim), write(row as Claim)]);
      await untilWaiting(db, 'worker', 2);
      await other.rollback();
      expect(await both).toEqual([true, true]);
      expect((await failuresOf(id)).length).toBeLessThan(2);
    },
  );

  test('fails anew after a retry, though an attempt of its number has failed before', async () => {
    const id = await owe();
    for (const error of ['no', 'no again']) {
      const [row] = await claimAll();
      const { order_id } = row as Claim;
      expect(await makeDue(db, queue, [order_id])).toEqual([]);
      expect(await settleFailed(db, queue, row as Claim, { error, pauseMs: null })).toBe(true);
      expect(await makeDue(db, queue, [order_id])).toEqual([order_id]);
    }
    expect(await failuresOf(id)).toMatchObject([
      { attempt: 1, error: 'no' },
      { attempt: 1, error: 'no again' },
    ]);
  });

  test('fails until later, or for good', async () => {
    const id = await owe();
    const [first] = await claimAll();
    if (!first) throw new Error('nothing was claimed');
    const outcome = { error: 'the receiver answered 500', pauseMs: 90_000 };
    await atOnce(async (trx) => {
      expect(await settleFailed(trx, queue, first, outcome)).toBe(true);
      expect(await rowOf(id, trx)).toMatchObject({ due_in: 90 });
    });
    const row = await rowOf(id);
    expect(row).toMatchObject({ status: 'pending', attempts: 1, last_error: 'the receiver answered 500' });

    await db('fulfillments').where({ id }).update({ next_attempt_at: db.fn.now() });
    const [second] = await claimAll();
    if (!second) throw new Error('nothing was claimed');
    expect(await rowOf(id)).toMatchObject({ attempts: 2, last_error: 'the receiver answered 500' });
    await settleFailed(db, queue, second, { error: 'gone', pauseMs: null });
    expect(await settleFailed(db, queue, first, outcome)).toBe(false);
    expect(await rowOf(id)).toMatchObject({
      status: 'dead',
      next_attempt_at: null,
      fulfilled_at: null,
      last_error: 'gone',
    });
    expect(await failuresOf(id)).toEqual([
      failure(row, { attempt: 1, error: 'the receiver answered 500', next_attempt_at: row.next_attempt_at }),
      failure(row, { attempt: 2, error: 'gone', next_attempt_at: null }),
    ]);
  });

  test('keeps when it died the last time, whatever becomes of it after a retry', async () => {
    const id = await owe({ attempts: 12 });
    await claimAll();
    const { order_id, died_at } = await rowOf(id);
    expect(died_at).toBeInstanceOf(Date);
    await makeDue(db, queue, [order_id]);
    const [row] = await claimAll();
    await settleFailed(db, queue, row as Claim, { error: 'no', pauseMs: 0 });
    await settleDone(db, queue, await claimAll());
    expect(await rowOf(id)).toMatchObject({ status: 'fulfilled', died_at });
  });

  const failure = (row: { id: number; order_id: number }, rest: Record<string, unknown>) =>
    expect.objectContaining({ work: 'fulfillments', work_id: row.id, order_id: row.order_id, ...rest });
});

describe('made due by a person', () => {
  const make = async (id: number) => (await makeDue(db, queue, [(await rowOf(id)).order_id])).length;

  test('dead work is, with all its attempts anew, and no other order with it', async () => {
    const [id, other] = [await owe({ attempts: 12 }), await owe({ attempts: 12 })];
    await claimAll();
    const before = await rowOf(other);
    expect(await make(id)).toBe(1);
    expect(await claimAll()).toMatchObject([{ id, status: 'pending', attempts: 1 }]);
    expect(await rowOf(other)).toEqual(before);
  });

  test('work that is put off for longer than a lease is, with the attempts that it has left', async () => {
    const id = await owe({ overdueSeconds: -31, attempts: 3, attempts_lost: 1 });
    expect(await make(id)).toBe(1);
    expect(await claimAll()).toMatchObject([{ id, attempts: 4 }]);
  });

  test('so is work in a pause that is shorter than a lease, once and not again in the attempt after it', async () => {
    const id = await owe();
    const [row] = await claimAll();
    await settleFailed(db, queue, row as Claim, { error: 'the receiver answered 503', pauseMs: 9_000 });
    expect(await make(id)).toBe(1);
    expect(await make(id)).toBe(0);
    expect(await claimAll()).toMatchObject([{ id, attempts: 2 }]);
    expect(await make(id)).toBe(0);
  });

  test('what may be in an attempt right now is let be, and so is what is done', async () => {
    const id = await owe();
    const claims = await claimAll();
    const claimed = await rowOf(id);
    expect(await make(id)).toBe(0);
    expect({ ...(await rowOf(id)), due_in: 0 }).toEqual({ ...claimed, due_in: 0 });

    await settleDone(db, queue, claims);
    const done = await rowOf(id);
    expect(await make(id)).toBe(0);
    expect(await rowOf(id)).toEqual(done);
  });

  test('so is what another person is closing at this very moment', async () => {
    const id = await owe({ overdueSeconds: -60 });
    const { order_id } = await rowOf(id);
    const other = await db.transaction();
    await settleByHand(other, queue, order_id);
    const making = make(id);
    await untilWaiting(db, 'worker', 1);
    await other.commit();
    expect(await making).toBe(0);
    expect(await rowOf(id)).toMatchObject({ status: 'fulfilled' });
  });

  test('so is an attempt whose lease was renewed after the transaction began', async () => {
    const id = await owe();
    const claims = await claimAll();
    const { order_id } = await rowOf(id);
    await atOnce(async (trx) => {
      await trx.raw('select 1');
      await renew(db, queue, claims);
      expect(await makeDue(trx, queue, [order_id])).toEqual([]);
    });
  });
});
