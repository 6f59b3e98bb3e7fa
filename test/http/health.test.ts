import type { RequestListener } from 'node:http';
import { expect, test } from '@jest/globals';
import request from 'supertest';
import { openPool } from '../../src/db/knex.ts';
import { createApp } from '../../src/http/app.ts';
import { healthRouter } from '../../src/http/health.ts';
import { readinessOf } from '../../src/http/readiness.ts';
import { createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';
import { hold, untilWaiting } from '../support/process.ts';
import { until } from '../support/until.ts';

const migrated = await createTestDatabase();
const empty = await createTestDatabase({ migrated: false });

async function ask(url: string, path: string, notes: () => string[] = () => []) {
  const db = openPool(url, { kind: 'web', max: 1, log: silent });
  try {
    const { status, body } = await request(
      createApp([healthRouter({ pending: readinessOf(db), notes, log: silent })], silent),
    ).get(path);
    return { code: status, body };
  } finally {
    await db.destroy();
  }
}

test('alive, whatever the database does', async () => {
  expect(await ask('postgres://nobody@127.0.0.1:1/none', '/healthz')).toEqual({
    code: 200,
    body: { status: 'ok' },
  });
});

test('ready with a database that has every migration', async () => {
  expect(await ask(migrated.url, '/readyz')).toEqual({ code: 200, body: { status: 'ready' } });
});

test('ready with a note of what a person has to see to, since a restart would not mend it', async () => {
  expect(await ask(migrated.url, '/readyz', () => ['signatures_failing'])).toEqual({
    code: 200,
    body: { status: 'ready', notes: ['signatures_failing'] },
  });
});

test('not ready when the database takes no changes, as a standby does', async () => {
  const standby = new URL(migrated.url);
  standby.searchParams.set('options', '-c default_transaction_read_only=on');
  expect(await ask(standby.href, '/readyz')).toEqual({
    code: 503,
    body: { status: 'not_ready', reason: 'database_read_only' },
  });
});

test('not ready when a migration is missing', async () => {
  await migrated.db('knex_migrations').where('name', 'like', '0007%').del();
  expect(await ask(migrated.url, '/readyz')).toEqual({
    code: 503,
    body: { status: 'not_ready', reason: 'migrations_pending' },
  });
});

test('not ready when there is no schema, or no database', async () => {
  expect(await ask(empty.url, '/readyz')).toEqual({
    code: 503,
    body: { status: 'not_ready', reason: 'migrations_pending' },
  });
  expect(await ask('postgres://nobody@127.0.0.1:1/none', '/readyz')).toEqual({
    code: 503,
    body: { status: 'not_ready', reason: 'database_unreachable' },
  });
});

test('a crowd that asks at once costs the database one question', async () => {
  const db = openPool(migrated.url, { kind: 'web', max: 5, log: silent });
  let questions = 0;
  db.on('query', () => {
    questions += 1;
  });
  const app = createApp([healthRouter({ pending: readinessOf(db), notes: () => [], log: silent })], silent);
  let arrived = 0;
  const counted: RequestListener = (req, res) => {
    arrived += 1;
    app(req, res);
  };
  await using held = await hold(migrated.db, (trx) => trx.raw('lock table knex_migrations'));
  const crowd = Promise.all(Array.from({ length: 50 }, () => request(counted).get('/readyz')));
  await until('all have asked', () => arrived === 50);
  await untilWaiting(migrated.db, 'web', 1);
  const asked = questions;
  await held.release();
  await crowd;
  expect(asked).toBeLessThanOrEqual(2);
  await db.destroy();
});
