import { beforeEach, describe, expect, test } from '@jest/globals';
import { databaseSeconds } from '../../src/db/clock.ts';
import {
  claimDue,
  failingList,
  type Held,
  type ListName,
  lookAt,
  Overtaken,
  takeOver,
  USUAL_SECONDS,
} from '../../src/reconcile/cursors.ts';
import { createTestDatabase } from '../support/database.ts';

const { db } = await createTestDatabase();
const row = () =>
  db('reconcile_cursors')
    .where({ list: 'events' })
    .select('*', db.raw('extract(epoch from next_run_at - now())::float8 as due_in'))
    .first();
const make = (changes: Record<string, unknown>) =>
  db('reconcile_cursors').update({ held_by: null, ...changes });
const due = () => db.raw("now() - interval '1 second'");

const evt = (n: number, created = 1_700_000_000 + n) => ({ id: `evt_${n}`, created });

beforeEach(() => make({ position: null, since: db.fn.now(), next_run_at: due(), attempts: 0 }));

test('of many processes one gets a list that is due, and none until it is due again', async () => {
  const claims = await Promise.all(Array.from({ length: 8 }, () => claimDue(db, 'events')));
  expect(claims.filter((claim) => claim !== null)).toHaveLength(1);
  expect(await claimDue(db, 'events')).toBeNull();
  expect((await row()).due_in).toBeGreaterThan(14 * 60);
  expect(await claimDue(db, 'checkout_sessions')).not.toBeNull();
});

test('a new database has missed nothing yet: a list is first due in an hour, and there are no others', async () => {
  await db('reconcile_cursors').del();
  await db('reconcile_cursors').insert([{ list: 'checkout_sessions' }, { list: 'events' }]);
  expect((await row()).due_in).toBeGreaterThan(59 * 60);
  await expect(db('reconcile_cursors').insert({ list: 'charges' })).rejects.toMatchObject({
    constraint: 'reconcile_cursors_list_known',
  });
});

test('a cursor moves with the pages, and the list stays held', async () => {
  const held = await claimDue(db, 'events');
  await held?.keep(evt(1));
  await make({ next_run_at: due(), held_by: (await row()).held_by });
  await held?.keep(null);
  expect(await row()).toMatchObject({ position: 'evt_1', since: new Date(1_700_000_001_000) });
  expect((await row()).due_in).toBeGreaterThan(14 * 60);
  expect(await db('reconcile_cursors').where({ list: 'checkout_sessions' }).first()).toMatchObject({
    position: null,
  });
});

test.each([
  ['events', 15 * 60],
  ['checkout_sessions', 24 * 60 * 60],
] as const)('after a walk %s are due again in about %d s', async (list, seconds) => {
  await (await claimDue(db, list))?.release();
  const { rows } = await db.raw(
    `select held_by, extract(epoch from next_run_at - now())::float8 as due_in from reconcile_cursors where list = ?`,
    [list],
  );
  expect(rows[0].held_by).toBeNull();
  expect(rows[0].due_in / seconds).toBeGreaterThan(0.89);
  expect(rows[0].due_in / seconds).toBeLessThan(1.11);
});

describe('runs that get nowhere', () => {
  /** So many, and one that holds the list. */
  async function fail(runs: number, list: ListName = 'events'): Promise<Held> {
    for (let n = 0; n < runs; n += 1) {
      await claimDue(db, list);
      await db('reconcile_cursors').where({ list }).update({ next_run_at: due() });
    }
    return (await claimDue(db, list)) as Held;
  }

  test('are a failing list from the third in a row on', async () => {
    await fail(2);
    expect(await failingList(db)).toBeNull();
    await make({ next_run_at: due() });
    await fail(0);
    expect(await failingList(db)).toEqual({ list: 'events', runs: 3 });
    await fail(4, 'checkout_sessions');
    expect(await failingList(db)).toEqual({ list: 'checkout_sessions', runs: 4 });
    await make({ attempts: 7 });
    await make({ attempts: 8 }).where({ list: 'events' });
    expect(await failingList(db)).toEqual({ list: 'events', runs: 7 });
  });

  test.each<[string, (held: Held) => Promise<unknown>]>([
    ['a page that moves the cursor', (held) => held.keep(evt(1))],
    ['the end of a run', (held) => held.release()],
    [
      "the end of a person's run",
      async () => (await db.transaction((trx) => takeOver(trx, 'events', null, db))).release(),
    ],
  ])('are forgotten with %s', async (_what, getThrough) => {
    const held = await fail(3);
    await held.keep(null);
    expect(await failingList(db)).toMatchObject({ runs: 3 });
    await getThrough(held);
    expect(await failingList(db)).toBeNull();
  });
});

test('a person takes a list over: who held it can not move its cursor any more, nor give the list away', async () => {
  const scheduled = await claimDue(db, 'events');
  const now = await databaseSeconds(db);
  const persons = await db.transaction((trx) => takeOver(trx, 'events', now - 60, db));
  expect(persons).toMatchObject({ position: null, since: now - 60 });
  await persons.keep(evt(2));
  await expect(scheduled?.keep(evt(1))).rejects.toThrow(Overtaken);
  await scheduled?.release();
  expect(await row()).toMatchObject({ position: 'evt_2', held_by: expect.any(String) });
  expect((await row()).due_in).toBeGreaterThan(0);
});

test.each([
  ['goes back to the moment that is given, and moves on from there', 3_600, 600, 'evt_2'],
  ['does not go forward to it: what lies between is left to the next run', 600, 3_600, 'evt_1'],
] as const)('a cursor %s', async (_, since, stands, position) => {
  const now = await databaseSeconds(db);
  await (await claimDue(db, 'events'))?.keep(evt(1, now - stands));
  const held = await db.transaction((trx) => takeOver(trx, 'events', now - since, db));
  expect(held).toMatchObject({ position: null, since: now - since });
  // Before the first page: a run that is killed now is continued from here.
  expect((await row()).position).toBe(since > stands ? null : 'evt_1');
  await held.keep(evt(2, now - 300));
  await held.release();
  expect(await row()).toMatchObject({ position, held_by: null });
});

test('a run that leaves something to the next one does not put that off, nor forget how often it has failed', async () => {
  const now = await databaseSeconds(db);
  await make({
    position: 'evt_1',
    since: new Date((now - 3_600) * 1_000),
    attempts: 4,
    next_run_at: new Date(now * 1_000),
  });
  await (await db.transaction((trx) => takeOver(trx, 'events', now - 600, db))).release();
  expect(await row()).toMatchObject({ held_by: null, attempts: 4, next_run_at: new Date(now * 1_000) });
});

test('nor does it give the list away where another run has taken that over', async () => {
  const now = await databaseSeconds(db);
  await make({ since: new Date((now - 3_600) * 1_000) });
  const take = () => db.transaction((trx) => takeOver(trx, 'events', now - 600, db));
  const overtaken = await take();
  await take();
  const before = await row();
  await overtaken.release();
  expect({ ...(await row()), due_in: 0 }).toEqual({ ...before, due_in: 0 });
});

test('a run that goes on where the last one ended keeps the time of its position', async () => {
  const now = await databaseSeconds(db);
  await (await claimDue(db, 'events'))?.keep(evt(1, now - 600));
  const held = await db.transaction((trx) => takeOver(trx, 'events', null, db));
  expect(held).toMatchObject({ position: 'evt_1', since: now - 600 });
  expect(await row()).toMatchObject({ position: 'evt_1', since: new Date((now - 600) * 1_000) });
});

test('without a position the schedule begins where the database does, and a person three days back', async () => {
  const now = await databaseSeconds(db);
  const [scheduled, persons] = [await claimDue(db, 'events'), await lookAt(db, 'events', null)];
  expect(Math.abs((scheduled?.since ?? 0) - now)).toBeLessThan(60);
  expect(Math.abs(persons.since - (now - USUAL_SECONDS))).toBeLessThan(60);
});

test('a look moves no cursor', async () => {
  await make({ position: 'evt_1' });
  const before = await row();
  const held = await lookAt(db, 'events', null);
  expect(held.position).toBe('evt_1');
  await held.keep(evt(2));
  await held.release();
  expect({ ...(await row()), due_in: before.due_in }).toEqual(before);
});
