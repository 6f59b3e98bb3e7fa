import { Socket } from 'node:net';
import { describe, expect, jest, test } from '@jest/globals';
import { openPool } from '../../src/db/knex.ts';
import { createTestDatabase } from '../support/database.ts';
import { recordingLog, silent } from '../support/log.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const { db, url } = await createTestDatabase();

// Those that wait do it side by side, each at a network of its own.

test.concurrent('connections that a network has swallowed are not used again', async () => {
  const proxy = await startTcpProxy(url);
  const pool = openPool(proxy.url, { kind: 'web', max: 2, log: silent });
  try {
    const ask = () => pool.raw('select pg_sleep(0.01)');
    await Promise.all([ask(), ask()]);
    proxy.swallow();
    const lost = await Promise.allSettled([ask(), ask()]);
    expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    // Both are still open as far as this machine can tell, and new ones get through.
    await Promise.all([ask(), ask(), ask(), ask()]);
  } finally {
    await pool.destroy();
  }
});

test.concurrent('nor is one that is in a transaction which was given up: nobody would ever commit', async () => {
  const proxy = await startTcpProxy(url);
  const pool = openPool(proxy.url, { kind: 'web', max: 1, log: silent });
  try {
    const connection = await pool.client.acquireConnection();
    await pool.client.releaseConnection(connection);
    proxy.standStill();
    await expect(pool.transaction(() => {})).rejects.toThrow(
      new Error('no answer from PostgreSQL within 4.5 s'),
    );
    proxy.goOn();
    await until('it has begun after all', () => connection.readyForQuery);
    await pool('ops_actions').insert({ actor: 'test', action: 'retry', subject: '42' });
    expect(await db('ops_actions').pluck('subject')).toEqual(['42']);
  } finally {
    await pool.destroy();
  }
});

test('one that PostgreSQL has ended while it waited is opened anew, and the log says why', async () => {
  const { log, lines } = recordingLog();
  const pool = openPool(url, { kind: 'web', max: 1, log });
  try {
    const connection = await pool.client.acquireConnection();
    await pool.client.releaseConnection(connection);
    const ended = new Promise((resolve) => connection.once('end', resolve));
    await db.raw('select pg_terminate_backend(?)', [connection.processID]);
    await ended;
    await pool.raw('select');
    expect(lines).toMatchObject([
      { level: 'warn', msg: 'Connection Error: terminating connection due to administrator command' },
    ]);
  } finally {
    await pool.destroy();
  }
});

test.concurrent('who gets no connection is told what may be wrong, in words of ours', async () => {
  const pool = openPool(url, { kind: 'web', max: 1, log: silent });
  try {
    await pool.transaction(() => expect(pool.raw('select')).rejects.toThrow('DATABASE_POOL_MAX'));
    await pool.raw('select');
  } finally {
    await pool.destroy();
  }
});

test.concurrent.each([
  ['web', 'no connection to PostgreSQL within 2 s: it does not answer'],
  [
    'ops',
    'No PostgreSQL can be used at DATABASE_URL: no connection to PostgreSQL within 5 s: it does not answer',
  ],
] as const)('so is who waits for one (%s)', async (kind, told) => {
  const proxy = await startTcpProxy(url);
  proxy.manner = 'swallow';
  const pool = openPool(proxy.url, { kind, max: 1, log: silent });
  try {
    await expect(pool.raw('select')).rejects.toThrow(new Error(told));
  } finally {
    await pool.destroy();
  }
});

test.concurrent('a first connection of whose end nobody hears keeps no other from being opened', async () => {
  const proxy = await startTcpProxy(url);
  proxy.manner = 'keep';
  const pool = openPool(proxy.url, { kind: 'web', max: 1, log: silent });
  try {
    await pool.raw('select');
  } finally {
    proxy.reset();
    await pool.destroy();
  }
});

test.concurrent('an operator is told that it is the database which lets nobody in any more', async () => {
  const proxy = await startTcpProxy(url);
  const pool = openPool(proxy.url, { kind: 'ops', max: 2, log: silent });
  try {
    await pool.transaction(async () => {
      proxy.manner = 'reset';
      await expect(pool.raw('select')).rejects.toThrow(
        /^No PostgreSQL can be used at DATABASE_URL: .*ECONNRESET/,
      );
    });
  } finally {
    await pool.destroy();
  }
});

test.concurrent.each(['ops', 'migration'] as const)(
  '%s waits for a database that is slow to connect to',
  async (kind) => {
    const proxy = await startTcpProxy(url);
    proxy.manner = 'delay';
    const pool = openPool(proxy.url, { kind, max: 1, log: silent });
    try {
      await pool.raw('select');
    } finally {
      await pool.destroy();
    }
  },
);

test('a connection is heard of each minute, before a network forgets it', async () => {
  const asked = jest.spyOn(Socket.prototype, 'setKeepAlive');
  const pool = openPool(url, { kind: 'web', max: 1, log: silent });
  await pool.raw('select');
  await pool.destroy();
  expect(asked.mock.calls.length).toBeGreaterThan(0);
  expect(new Set(asked.mock.calls.map(String))).toEqual(new Set(['true,60000']));
  asked.mockRestore();
});

test.each(['a statement', 'a transaction'])(
  'a connection on which %s found that nothing can be changed is not used again',
  async (what) => {
    const pool = openPool(url, { kind: 'web', max: 1, log: silent });
    const change = (on: Pick<typeof pool, 'raw'>) =>
      on.raw('select from knex_migrations where false for update');
    const write = () => (what === 'a statement' ? change(pool) : pool.transaction(change));
    try {
      const database = new URL(url).pathname.slice(1);
      // For those that connect meanwhile, as to a standby.
      await db.raw('alter database :database: set default_transaction_read_only = on', { database });
      await pool.raw('select 1');
      await db.raw('alter database :database: reset default_transaction_read_only', { database });
      await expect(write()).rejects.toMatchObject({ code: '25006' });
      await write();
    } finally {
      await pool.destroy();
    }
  },
);

describe('an error of a statement', () => {
  test('speaks with PostgreSQL’s words alone: no statement, no values', async () => {
    const failing = db.raw('select ?::text from nowhere', ['jenny@example.com']);
    await expect(failing).rejects.toMatchObject({ message: 'relation "nowhere" does not exist' });
  });

  test('and not with those, where they quote the value', async () => {
    const failing = db.raw('select ?::int', ['jenny@example.com']);
    await expect(failing).rejects.toMatchObject({
      message: "PostgreSQL can't take a value (SQLSTATE 22P02)",
    });
  });

  test('but an operator is told which of their own values it was', async () => {
    const pool = openPool(url, { kind: 'ops', max: 1, log: silent });
    await expect(pool.raw('select ?::int', ['next tuesday'])).rejects.toThrow('"next tuesday"');
    await pool.destroy();
  });

  test('and so within a transaction', async () => {
    const failing = db.transaction((trx) => trx('orders').insert({ customer_email: 'jenny@example.com' }));
    await expect(failing).rejects.toThrow(/^null value in column "checkout_session_id"/);
  });
});

describe('int8', () => {
  test('is a number, to the last one that JSON carries exactly', async () => {
    const { rows } = await db.raw('select 9007199254740991::bigint as largest, -1::bigint as debt');
    expect(rows).toEqual([{ largest: Number.MAX_SAFE_INTEGER, debt: -1 }]);
  });

  test('is refused beyond it', async () => {
    await expect(db.raw('select 9007199254740992::bigint')).rejects.toThrow(RangeError);
  });
});
