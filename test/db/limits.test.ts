import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { openPool } from '../../src/db/knex.ts';
import type { Kind } from '../../src/db/limits.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';
import { startPooler } from '../support/pooler.ts';
import { hold, untilWaiting } from '../support/process.ts';

const direct = await createTestDatabase();
const unlimited = await startPooler(direct.url);
const rdsProxy = await startPooler(
  direct.url,
  '0A000',
  "Feature not supported: RDS Proxy currently doesn't support the option statement_timeout",
);
const ofItsOwn = await createTestDatabase();
const limitedByRole = await startPooler(ofItsOwn.url);
const empty = await createTestDatabase({ migrated: false });
const impatient = await startPooler(empty.url);
const crowded = await startPooler(direct.url, '53300', 'sorry, too many clients already');
const breaking = await startPooler(direct.url, '08P01', 'server conn crashed?');

/** What is in force in three connections that are open at once, and what the log says of it. */
async function limitsThrough(url: string, kind: Kind) {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(JSON.parse(line).msg) });
  const pool = openPool(url, { kind, max: 3, log });
  try {
    const ask = () =>
      pool.raw(`select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
        current_setting('idle_in_transaction_session_timeout') as idle from pg_sleep(0.05)`);
    const answers = await Promise.all([ask(), ask(), ask()]);
    return { limits: answers.map(({ rows }) => rows[0]), lines };
  } finally {
    await pool.destroy();
  }
}

const thrice = <T>(value: T) => [value, value, value];

async function limitRole({ db, url }: TestDatabase, name: string, value: string): Promise<void> {
  const { username: role, pathname } = new URL(url);
  await db.raw(`alter role :role: in database :database: set ${name} = '${value}'`, {
    role,
    database: pathname.slice(1),
  });
}

describe('PostgreSQL itself', () => {
  test.each([
    ['web', '4s', '2s'],
    ['worker', '10s', '5s'],
    ['ops', '30s', '5s'],
    ['migration', '0', '0'],
  ] as const)('is asked for the limits at connect: %s', async (kind, statement, lock) => {
    expect(await limitsThrough(direct.url, kind)).toEqual({
      limits: thrice({ statement, lock, idle: '10s' }),
      lines: [],
    });
  });
});

test.each([
  ['web', 4_500, 2],
  ['worker', 11_000, 2],
  ['ops', 31_000, 5],
  ['migration', false, 5],
] as const)(
  'this side gives up as well, should nobody answer: %s',
  async (kind, query_timeout, connect_timeout) => {
    const pool = openPool(direct.url, { kind, max: 1, log: silent });
    try {
      const connection = await pool.client.acquireConnection();
      await pool.client.releaseConnection(connection);
      expect(connection.connectionParameters).toMatchObject({ query_timeout, connect_timeout });
    } finally {
      await pool.destroy();
    }
  },
);

describe('a pooler that refuses limits at connect', () => {
  test.each([unlimited, rdsProxy])('is used without them, with one warning: $words', async ({ url }) => {
    const { limits, lines } = await limitsThrough(url, 'web');
    expect(limits).toEqual(thrice({ statement: '0', lock: '0', idle: '0' }));
    expect(lines).toEqual([expect.stringMatching(/statement_timeout.*docs\/scaling\.md/)]);
  });

  test('is no cause for a warning when the role has limits of its own', async () => {
    await limitRole(ofItsOwn, 'statement_timeout', '3s');
    const { limits, lines } = await limitsThrough(limitedByRole.url, 'worker');
    expect(limits).toEqual(thrice({ statement: '3s', lock: '0', idle: '0' }));
    expect(lines).toEqual([]);
  });

  test('passes on every other refusal', async () => {
    const wrong = new URL(unlimited.url);
    wrong.password = 'wrong';
    await expect(limitsThrough(wrong.href, 'web')).rejects.toThrow(/password authentication failed/);
  });

  test.each([crowded, breaking])(
    'is not used without them where its reason is another: $words',
    async ({ url, words }) => {
      await expect(limitsThrough(url, 'web')).rejects.toThrow(words);
    },
  );

  test('migrations take their time all the same', async () => {
    // PostgreSQL 17 has brought the last one.
    const limits = ['lock_timeout', 'statement_timeout', 'transaction_timeout'];
    const known: string[] = await empty.db('pg_settings').whereIn('name', limits).pluck('name');
    for (const name of known) await limitRole(empty, name, '1s');
    await using another = await hold(empty.db, (trx) => trx.raw('select pg_advisory_xact_lock(4242001)'));
    const migrating = migrate(impatient.url, silent);
    await untilWaiting(empty.db, 'migration', 1);
    // In another database, where the role has no limits.
    await direct.db.raw('select pg_sleep(1.2)');
    await another.release();
    await migrating;
    expect(await empty.db('orders').select()).toEqual([]);
  });
});
