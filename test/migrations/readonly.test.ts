import { expect, test } from '@jest/globals';
import { down, up } from '../../migrations/0021_let_people_read.ts';
import { type Knex, openPool } from '../../src/db/knex.ts';
import { atEnd } from '../support/at-end.ts';
import { createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';
import { openPostgres, serverDir } from '../support/postgres.ts';
import { until } from '../support/until.ts';

const { db } = await createTestDatabase();

/** Roles belong to the whole server, so whatever happens to them here is taken back. */
async function takenBack(work: (trx: Knex.Transaction) => Promise<void>): Promise<void> {
  const trx = await db.transaction();
  try {
    await work(trx);
  } finally {
    await trx.rollback();
  }
}

const exists = async (trx: Knex) =>
  (await trx('pg_roles').where({ rolname: 'checkout_readonly' })).length === 1;
const mayRead = async (trx: Knex, table: string) => {
  const { rows } = await trx.raw(`select has_table_privilege('checkout_readonly', :table, 'select') as it`, {
    table,
  });
  return rows[0].it as boolean;
};

test('its members read every table and view, later ones too, and change nothing', () =>
  takenBack(async (trx) => {
    await trx.raw('create table later (); create role a_person in role checkout_readonly');
    await trx.raw('set local role a_person');
    for (const name of ['orders', 'stripe_events', 'orders_stuck', 'revenue_by_day', 'later'])
      await trx.raw('select from :name:', { name });
    await expect(trx.transaction((nested) => nested.raw('delete from ops_actions'))).rejects.toThrow(
      'permission denied for table ops_actions',
    );
  }));

test('another database of the server may have made it before', () =>
  takenBack(async (trx) => {
    expect(await exists(trx)).toBe(true);
    await up(trx);
    expect(await mayRead(trx, 'orders')).toBe(true);
  }));

test('who may not make roles migrates all the same, without it', () =>
  takenBack(async (trx) => {
    await trx.raw(
      'alter role checkout_readonly rename to made_elsewhere; create role who_migrates; set local role who_migrates',
    );
    await up(trx);
    expect(await exists(trx)).toBe(false);
    await down(trx);
  }));

test('tables of others in the same schema keep neither of it from being done, and stay theirs', () =>
  takenBack(async (trx) => {
    await trx.raw(`
      create table somebody_elses ();
      revoke select on somebody_elses from checkout_readonly;
      create role "Who.Migrates";
      grant all on schema public to "Who.Migrates";
      set local role "Who.Migrates";
      create table own ();
    `);
    await up(trx);
    expect([await mayRead(trx, 'own'), await mayRead(trx, 'somebody_elses')]).toEqual([true, false]);
    await down(trx);
    expect(await mayRead(trx, 'own')).toBe(false);
  }));

test('two databases of a server may make it in the same moment, and it goes once both have taken it back', async () => {
  const server = await openPostgres(await serverDir());
  await server.start();
  const open = (url: string) => {
    const pool = openPool(url, { kind: 'migration', max: 2, log: silent });
    atEnd(() => pool.destroy());
    return pool;
  };
  const one = open(server.url);
  await one.raw('create database other');
  const other = open(Object.assign(new URL(server.url), { pathname: '/other' }).href);
  const first = await one.transaction();
  await up(first);
  const second = up(other);
  await until('it waits for the first', () =>
    one('pg_stat_activity').where({ wait_event_type: 'Lock', datname: 'other' }).first(),
  );
  await first.commit();
  await second;
  await down(one);
  expect(await exists(other)).toBe(true);
  await down(other);
  expect(await exists(other)).toBe(false);
});

test('taken back here, it stays for the other databases', () =>
  takenBack(async (trx) => {
    await down(trx);
    expect([await exists(trx), await mayRead(trx, 'orders')]).toEqual([true, false]);
  }));
