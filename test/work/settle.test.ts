import { beforeEach, describe, expect, test } from '@jest/globals';
import { openPool } from '../../src/db/knex.ts';
import { fulfillments as queue } from '../../src/fulfillment/fulfill.ts';
import { AttemptFailed } from '../../src/work/attempt.ts';
import { type Claim, claim } from '../../src/work/queue.ts';
import { settler } from '../../src/work/settle.ts';
import { createTestDatabase } from '../support/database.ts';
import { recordingLog, silent } from '../support/log.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { hold, untilWaiting } from '../support/process.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const { db, url } = await createTestDatabase();
const proxy = await startTcpProxy(url);
const { log, lines } = recordingLog();
const settle = settler({ db, queue, maxAttempts: 12, log });
const yes = () => true;
const no = () => false;
const held = { isHeld: yes, isOurs: yes };
const over = { isHeld: no, isOurs: yes };

beforeEach(async () => {
  await db.raw('truncate orders cascade');
  lines.length = 0;
});

/** So many attempts under way, each of an order of its own. */
async function attempts(count: number, attempt = 1): Promise<Claim[]> {
  for (let i = 0; i < count; i += 1) {
    await insertFulfillment(db, (await insertOrder(db)).id, { attempts: attempt - 1 });
  }
  return claim(db, queue, { limit: count, maxAttempts: 12 });
}

async function attemptNo(attempt: number): Promise<Claim> {
  const [row] = await attempts(1, attempt);
  return row as Claim;
}

const rowOf = ({ id }: Claim) => db('fulfillments').where({ id }).first();
const idsOf = (row: Claim) => ({ order_id: row.order_id, attempt: row.attempts });

test('success is written, and said', async () => {
  const row = await attemptNo(3);
  await settle(row, undefined, held);
  expect(await rowOf(row)).toMatchObject({
    status: 'fulfilled',
    attempts: 3,
    fulfilled_at: expect.any(Date),
  });
  expect(lines).toEqual([{ level: 'info', msg: 'fulfilled', ...idsOf(row) }]);
});

test('failure is written, and said with its reason and the pause', async () => {
  const row = await attemptNo(1);
  const error = new AttemptFailed('busy', { retryAfterMs: 3_600_000 });
  expect(await settle(row, error, held)).toBe('failed');
  const { status, last_error, next_attempt_at } = await rowOf(row);
  expect([status, last_error]).toEqual(['pending', 'busy']);
  expect(Math.round((next_attempt_at - Date.now()) / 60_000)).toBe(60);
  expect(lines).toMatchObject([{ level: 'warn', ...idsOf(row), reason: 'busy', again_in_ms: 3_600_000 }]);
});

test("an error that PostgreSQL's text can't hold is written all the same", async () => {
  const row = await attemptNo(1);
  expect(await settle(row, new Error('the warehouse answered \0\0'), held)).toBe('failed');
  expect(await rowOf(row)).toMatchObject({ attempts: 1, last_error: 'the warehouse answered \ufffd\ufffd' });
});

test('of an error that is as long as a page its beginning is kept', async () => {
  const row = await attemptNo(1);
  expect(await settle(row, new Error(`${'x'.repeat(1_999)}🎈${'x'.repeat(100_000)}`), held)).toBe('failed');
  expect(await rowOf(row)).toMatchObject({ last_error: `${'x'.repeat(1_999)}\ufffd` });
});

test.each([
  [
    'an error whose message is no text',
    Object.assign(new Error(), { message: { detail: 'busy' } }),
    "{ detail: 'busy' }",
  ],
  ['an object that is no error', { message: 'busy' }, 'busy'],
  ['an object that is no text either', Object.create(null), '[Object: null prototype] {}'],
  ['text', 'busy', 'busy'],
])('whatever is thrown is written: %s', async (_what, thrown, last_error) => {
  const row = await attemptNo(1);
  expect(await settle(row, thrown, held)).toBe('failed');
  expect(await rowOf(row)).toMatchObject({ attempts: 1, last_error });
});

test.each([
  ['a statement', url, 'PostgreSQL: relation "nowhere" does not exist'],
  ['a connection', 'postgres://127.0.0.1:1/shop', 'PostgreSQL: connect ECONNREFUSED 127.0.0.1:1'],
])("that it was the database's is said of %s that failed", async (_what, address, last_error) => {
  const pool = openPool(address, { kind: 'worker', max: 1, log: silent });
  const error = await pool.raw('select from nowhere').catch((thrown) => thrown);
  await pool.destroy();
  const row = await attemptNo(1);
  await settle(row, error, held);
  expect(await rowOf(row)).toMatchObject({ last_error });
});

test('of a fault in the code the log says where it is as well', async () => {
  const faulty = async (order: unknown) => (order as { name: string }).name;
  const error = await faulty(undefined).catch((thrown) => thrown);
  await settle(await attemptNo(1), error, held);
  expect(lines).toMatchObject([{ at: expect.arrayContaining([expect.stringContaining('settle.test.ts')]) }]);
});

test.each([
  ['11th of 12 is not', 11, new Error('no'), 'pending', 'warn'],
  ['12th of 12', 12, new Error('no'), 'dead', 'error'],
  ['first that says so', 1, new AttemptFailed('no', { final: true }), 'dead', 'error'],
])('the last attempt: the %s', async (_case, attempt, error, status, level) => {
  const row = await attemptNo(attempt);
  expect(await settle(row, error, held)).toBe(status === 'dead' ? 'dead' : 'failed');
  expect(await rowOf(row)).toMatchObject({ status, attempts: attempt, last_error: 'no' });
  expect(lines).toMatchObject([{ level, ...idsOf(row), reason: 'no' }]);
});

test.each([
  ['success', undefined],
  ['failure', new Error('no')],
])('%s of an attempt whose lease was lost is left unwritten, and that is said', async (_case, error) => {
  const row = await attemptNo(1);
  await db('fulfillments').where({ id: row.id }).increment('attempts', 1);
  const before = await rowOf(row);
  expect(await settle(row, error, held)).toBe('lost');
  expect(await rowOf(row)).toEqual(before);
  expect(lines).toEqual([{ level: 'warn', msg: expect.stringContaining('lease was lost'), ...idsOf(row) }]);
});

test('attempts that succeed side by side share a statement, but for the first', async () => {
  const rows = await attempts(20);
  await Promise.all(rows.map((row) => settle(row, undefined, held)));
  const written = await db('fulfillments').where({ status: 'fulfilled' }).select(db.raw('xmin::text'));
  expect(written).toHaveLength(20);
  expect(new Set(written.map(({ xmin }) => xmin)).size).toBe(2);
});

describe('a database that takes no outcome', () => {
  const refuse = (times: number, code = 'P0001') =>
    db.raw(`
      create sequence refusals;
      create function refuse() returns trigger language plpgsql as $$
      begin if nextval('refusals') <= ${times} then raise 'away' using errcode = '${code}'; end if; return new; end $$;
      create trigger refuse before update on fulfillments for each row execute function refuse();
    `);
  const recover = () => db.raw('drop function refuse cascade; drop sequence refusals');

  test.each([
    ['success', undefined, 'fulfilled'],
    ['failure', new Error('no'), 'pending'],
  ])('is asked again while the lease holds: %s', async (_case, error, status) => {
    const row = await attemptNo(1);
    await refuse(2);
    await settle(row, error, held);
    await recover();
    expect(await rowOf(row)).toMatchObject({ status, last_error: error ? 'no' : null });
    const refused = { level: 'warn', ...idsOf(row), reason: expect.stringContaining('away') };
    expect(lines).toMatchObject([refused, refused, idsOf(row)]);
  });

  test('that is away for longer than the lease has what was done when it is back', async () => {
    const row = await attemptNo(1);
    await refuse(2, '57P03');
    expect(await settle(row, undefined, over)).toBe('done');
    await recover();
    expect(await rowOf(row)).toMatchObject({ status: 'fulfilled', attempts: 1 });
    expect(lines).toEqual([{ level: 'info', msg: 'fulfilled', ...idsOf(row) }]);
  });

  test.each([
    ['a failure', new Error('no'), over],
    ['what another has claimed, or a stop', undefined, { isHeld: no, isOurs: no }],
  ])('that is away for longer than the lease is not waited for by %s', async (_case, error, hold) => {
    const row = await attemptNo(1);
    await refuse(1, '57P03');
    expect(await settle(row, error, hold)).toBe('lost');
    await recover();
    expect(await rowOf(row)).toMatchObject({ status: 'pending', attempts: 1, last_error: null });
  });

  test('is asked no more once it has ended: the next attempt will tell', async () => {
    const row = await attemptNo(1);
    await refuse(1);
    await settle(row, undefined, over);
    await recover();
    expect(await rowOf(row)).toMatchObject({ status: 'pending', attempts: 1, last_error: null });
    expect(lines).toMatchObject([
      { level: 'warn', reason: expect.stringContaining('away') },
      { level: 'warn', msg: expect.stringContaining('lease was lost') },
    ]);
  });
});

test('what was written is not called lost, though the connection broke before the answer', async () => {
  const row = await attemptNo(1);
  const pool = openPool(proxy.url, { kind: 'worker', max: 1, log: silent });
  try {
    await using locked = await hold(db, (trx) => trx('fulfillments').where({ id: row.id }).forUpdate());
    const settled = settler({ db: pool, queue, maxAttempts: 12, log })(row, undefined, held);
    await untilWaiting(db, 'worker', 1);
    proxy.reset();
    await until('there is no answer', () => lines.length > 0);
    await locked.release();
    expect(await settled).toBe('done');
  } finally {
    await pool.destroy();
  }
});
