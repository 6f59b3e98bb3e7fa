import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { Knex } from '../../src/db/knex.ts';
import { fillBusyDay } from '../support/busy-day.ts';
import { contentsOf, createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newId } from '../support/new-id.ts';
import { recordEvent } from '../support/news.ts';
import { insertOrder } from '../support/orders.ts';
import { hold, root, runFile, workDir } from '../support/process.ts';
import { checkoutSession, events } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

/** The script of docs/operating.md, "Moving to another PostgreSQL", needs psql and nothing else. */
const withPsql = spawnSync('sh', ['-c', 'command -v psql']).status === 0 ? test : test.skip;

const from = await createTestDatabase();
const to = await createTestDatabase();
const older = await createTestDatabase();
const rowsAlone = await createTestDatabase();

const known = events.completedPaid(checkoutSession());
beforeAll(async () => {
  await fillBusyDay(from.db);
  await recordEvent(from.db, known);
  await from.db('reconcile_cursors').update({ position: 'evt_last', since: '2026-11-01T12:00:00Z' });
});

const all = async (db: Knex) => ({
  ...(await contentsOf(db)),
  cursors: await db('reconcile_cursors').orderBy('list'),
  migrations: await db('knex_migrations').orderBy('id'),
});

const script = `${root}/ops/move-database.sh`;

/** @param PGOPTIONS by default a limit that the service has for its own statements, here as a role may have it */
async function move(target: TestDatabase, PGOPTIONS = '-c statement_timeout=400ms'): Promise<number | null> {
  const { ended } = runFile('sh', { PGOPTIONS }, [script, from.url, target.url]);
  return (await ended).code;
}

withPsql('every row is moved, once, and what comes afterwards goes on from there', async () => {
  const moved = await all(from.db);
  await to.db.raw(`
    create function linger() returns trigger language plpgsql as 'begin perform pg_sleep(0.5); return null; end';
    create trigger lingers before insert on orders for each statement execute function linger()`);
  expect(await move(to)).toBe(0);
  expect(await all(to.db)).toEqual(moved);

  expect(await move(to)).not.toBe(0);
  expect(await all(to.db)).toEqual(moved);

  await recordEvent(to.db, known);
  expect(await all(to.db)).toEqual(moved);
  expect((await insertOrder(to.db)).id).toBe((await insertOrder(from.db)).id);
});

withPsql('a role that may not see which numbers were given copies nothing', async () => {
  const role = newId('service');
  await from.db.raw('create role :role:', { role });
  try {
    for (const { db } of [from, rowsAlone])
      await db.raw('grant select, insert, update, delete on all tables in schema public to :role:', { role });
    const before = await all(rowsAlone.db);
    expect(await move(rowsAlone, `-c role=${role}`)).not.toBe(0);
    expect(await all(rowsAlone.db)).toEqual(before);
  } finally {
    for (const { db } of [from, rowsAlone]) await db.raw('drop owned by :role:', { role });
    await from.db.raw('drop role :role:', { role });
  }
});

withPsql('a database whose columns stand elsewhere is left as it was', async () => {
  for (const [column, name] of [
    ['account', 'other'],
    ['api_version', 'account'],
    ['other', 'api_version'],
  ])
    await older.db.raw('alter table stripe_events rename column :column: to :name:', { column, name });
  const before = await all(older.db);
  expect(await move(older)).not.toBe(0);
  expect(await all(older.db)).toEqual(before);
});

withPsql.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'a %s in the middle leaves no copy of the rows',
  async (signal) => {
    const TMPDIR = await mkdtemp(path.join(workDir, 'tmp-'));
    await using _held = await hold(to.db, (trx) => trx.raw('lock table reconcile_cursors'));
    await using moving = runFile('sh', { TMPDIR }, [script, from.url, to.url], { detached: true });
    await until('the rows are copied, and wait for the lock', () =>
      to
        .db('pg_stat_activity')
        .whereRaw('datname = current_database()')
        .where({ application_name: 'psql', wait_event_type: 'Lock' })
        .first(),
    );
    expect(await readdir(TMPDIR)).toHaveLength(1);
    moving.kill(signal);
    expect(await moving.ended).not.toMatchObject({ code: 0 });
    expect(await readdir(TMPDIR)).toEqual([]);
  },
);
