import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { freePort } from '../../src/db/embedded/free-port.ts';
import { createTestDatabase } from '../support/database.ts';
import { ops } from '../support/ops.ts';
import { run, spawnService, workDir } from '../support/process.ts';

const { url: DATABASE_URL, db } = await createTestDatabase();
/** The command finds the service by its configuration, so the port is chosen before. */
const env = { DATABASE_URL, PORT: String(await freePort()) };
const service = await spawnService(env);
afterAll(async () => {
  await service[Symbol.asyncDispose]();
});

async function simulate(args: string[], overrides: Record<string, string> = {}) {
  await using command = run('src/sandbox/simulate-cli.ts', { ...env, ...overrides }, args);
  const { code } = await command.ended;
  return { code, ...command.written };
}

test.each([
  ['paid', 'paid', 'order_paid'],
  ['free', 'paid', 'order_paid'],
  ['delayed-paid', 'paid', 'order_paid'],
  ['delayed-failed', 'failed', 'payment_failed'],
  ['duplicate', 'paid', 'order_paid'],
  ['reordered', 'paid', 'order_paid'],
])('simulate %s: the order ends as %s, and the mail is there', async (scenario, status, kind) => {
  const { code, stdout, stderr } = await simulate([scenario, '--json', '--count', '3']);
  expect([code, stderr]).toEqual([0, '']);
  const { ok, sessions } = JSON.parse(stdout);
  expect(ok).toBe(true);
  expect(sessions).toHaveLength(3);
  for (const session of sessions) {
    expect(session).toMatchObject({ status, mails: [{ kind, status: 'sent' }] });
    const orders = await db('orders').where({ checkout_session_id: session.checkout_session_id });
    expect(orders).toMatchObject([{ id: session.order_id, status }]);
    expect(await readFile(path.join(workDir, session.mails[0].file), 'utf8')).toMatch(
      /^To: .*@example\.com/m,
    );
  }
});

test('it tells the story to a person', async () => {
  const { code, stdout } = await simulate(['paid']);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /order +\d+ of .+, paid, \d+ line items?\n +fulfillment +fulfilled \(1 attempt\)\n +mail +order_paid, sent: /,
  );
});

test('reconcile brings back what the service never heard of', async () => {
  const { stdout } = await simulate(['delayed-paid', '--json', '--count', '2']);
  const ids = JSON.parse(stdout).sessions.map((it: Record<string, string>) => it.checkout_session_id);
  await db.raw('truncate stripe_events, orders cascade');
  const { code, stdout: report } = await ops(env, 'reconcile', '--json');
  expect(code).toBe(0);
  const behind = JSON.parse(report).orders_behind.map((it: Record<string, string>) => it.checkout_session_id);
  expect(behind).toEqual(expect.arrayContaining(ids));
  const orders = await db('orders').whereIn('checkout_session_id', ids);
  expect(orders).toMatchObject([{ status: 'paid' }, { status: 'paid' }]);
});

test('bad usage is exit code 2, and names the scenarios', async () => {
  const { code, stdout, stderr } = await simulate(['refund', '--json']);
  expect([code, JSON.parse(stdout)]).toEqual([2, { error: expect.stringContaining('no such scenario') }]);
  expect(stderr).toContain('paid, free, delayed-paid, delayed-failed, duplicate, reordered');
});

test.each([
  ['no service runs', { PORT: '1' }, /npm start/],
  ['a Stripe key is set', { STRIPE_SECRET_KEY: 'sk_test_1' }, /stripe trigger/],
])('it says what to do when %s', async (_case, overrides, advice) => {
  const { code, stdout, stderr } = await simulate(['paid', '--json'], overrides);
  expect(code).toBe(1);
  expect(stderr).toMatch(advice);
  expect(JSON.parse(stdout)).toEqual({ error: stderr.trimEnd() });
});
