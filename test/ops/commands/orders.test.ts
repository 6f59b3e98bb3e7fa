import path from 'node:path';
import { expect, test } from '@jest/globals';
import { fulfillmentStandings } from '../../../src/ops/order-filter.ts';
import { orderStatuses } from '../../../src/orders/status.ts';
import { createTestDatabase } from '../../support/database.ts';
import { openOps, ops } from '../../support/ops.ts';
import { insertFulfillment, insertOrder } from '../../support/orders.ts';
import { runFile } from '../../support/process.ts';

const { db, url: DATABASE_URL } = await createTestDatabase();
const empty = await createTestDatabase();
const busy = await createTestDatabase();
const unmigrated = await createTestDatabase({ migrated: false });
const env = { DATABASE_URL };
const here = openOps(env);
const hereEmpty = openOps({ DATABASE_URL: empty.url });
const cli = path.resolve(import.meta.dirname, '../../../src/cli.ts');

const ago = (age: string) => db.raw('now() - cast(? as interval)', [age]);

const dead = { status: 'dead', last_error: 'the receiver answered 500' };
const ids: number[] = [];
for (const hours of [5, 4, 3, 2]) {
  const order = await insertOrder(db, {
    created_at: ago(`${hours} hours 1 minute`),
    paid_at: ago('90 minutes 1 second'),
    client_reference_id: `cart-${hours}`,
    customer_email: 'a-customer-with-quite-a-long-address@example.com',
  });
  await insertFulfillment(db, order.id, hours === 4 ? dead : { attempts: 2 });
  ids.unshift(order.id);
}

test('without a terminal: columns without colours, nothing cut off', async () => {
  const { code, stdout } = await ops(env, 'orders');
  expect(code).toBe(0);
  const [head, ...rows] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/));
  expect(head).toEqual(['ORDER', 'STATE', 'AMOUNT', 'CUSTOMER', 'REFERENCE', 'AGE', 'WAITING']);
  const address = 'a-customer-with-quite-a-long-address@example.com';
  expect(rows).toEqual([
    [String(ids[0]), 'paid, tried 2x', '$64.98', address, 'cart-2', '2 h', '90 min'],
    [String(ids[1]), 'paid, tried 2x', '$64.98', address, 'cart-3', '3 h', '90 min'],
    [String(ids[2]), 'paid, dead', '$64.98', address, 'cart-4', '4 h', '90 min'],
    [String(ids[3]), 'paid, tried 2x', '$64.98', address, 'cart-5', '5 h', '90 min'],
  ]);
});

test.each(['stuck', 'dead'])('those that are %s say why', async (fulfillment) => {
  const { stdout } = await ops(env, 'orders', '--fulfillment', fulfillment);
  const [head = '', ...rows] = stdout.trimEnd().split('\n');
  expect(head).toMatch(/WAITING {2,}LAST ERROR$/);
  expect(rows.filter((row) => row.endsWith('  the receiver answered 500'))).toEqual([
    expect.stringMatching(new RegExp(`^ *${ids[2]} `)),
  ]);
});

test('a page names the next one', async () => {
  const { text } = await here('orders', '--limit', '3');
  const [, place = ''] = /There are more: add --after (\S+)$/.exec(text) ?? [];
  const { data } = await here('orders', '--limit', '3', '--after', place);
  expect(data).toMatchObject({ orders: [{ id: ids[3] }], next: null });
});

test('a person is shown 20 at first, a program all', async () => {
  for (let n = 0; n < 21; n += 1) await insertOrder(busy.db);
  const env = { DATABASE_URL: busy.url };
  expect((await ops(env, 'orders')).stdout.match(/^ *\d+ {2,}paid/gm)).toHaveLength(20);
  const { orders, next } = JSON.parse((await ops(env, 'orders', '--json')).stdout);
  expect([orders.length, next]).toEqual([21, null]);
});

test('filters are options', async () => {
  const { stdout } = await ops(
    env,
    'orders',
    '--fulfillment',
    'dead',
    '--since',
    '1d',
    '--email',
    'a-customer',
    '--json',
  );
  expect(JSON.parse(stdout).orders).toMatchObject([
    { id: ids[2], fulfillment_status: 'dead', client_reference_id: 'cart-4', amount_total: 6498 },
  ]);
});

test('an empty list says what to do next', async () => {
  const nothing = { ok: true, data: { orders: [], next: null } };
  expect(await hereEmpty('orders')).toEqual({
    ...nothing,
    text: expect.stringContaining('There are no orders yet.'),
  });
  expect(await here('orders', '--status', 'failed')).toEqual({
    ...nothing,
    text: expect.stringContaining('With fewer filters'),
  });
});

test('who reads no further, as head does, ends nothing', async () => {
  const script = '{ "$0" "$1" orders --json; echo $? >&2; } | true';
  await using shell = runFile('sh', env, ['-c', script, process.execPath, cli]);
  await shell.ended;
  expect(shell.written).toEqual({ stdout: '', stderr: '0\n' });
});

const aFullDisk = process.platform === 'linux' ? test : test.skip;

aFullDisk('on a full disk it fails, and says so', async () => {
  const script = '"$0" "$1" orders --json > /dev/full';
  await using shell = runFile('sh', env, ['-c', script, process.execPath, cli]);
  expect((await shell.ended).code).toBe(1);
  expect(shell.written.stderr).toBe('ENOSPC: no space left on device, write\n');
});

aFullDisk('where the full disk has no room for errors, its exit code tells of bad usage', async () => {
  const script = '"$0" "$1" orders --status open 2> /dev/full';
  await using shell = runFile('sh', env, ['-c', script, process.execPath, cli]);
  expect((await shell.ended).code).toBe(2);
});

test.each([
  [['--status', 'open'], 'must be one of awaiting_payment, paid, failed'],
  [['--limit', '0'], 'must be a whole number from 1 to 1000'],
  [['--after', '42'], 'must be what the page before ended with'],
  [['paid'], 'too many arguments'],
  [['--email', '--status'], 'must not begin with --'],
])('%j is bad usage', async (args, words) => {
  await expect(here('orders', ...args)).rejects.toThrow(words);
});

test('bad usage is said to programs as well', async () => {
  const [args, words] = [['--status', 'open'], 'must be one of awaiting_payment, paid, failed'];
  const ran = await ops(env, 'orders', ...args);
  expect([ran.code, ran.stdout, ran.stderr]).toEqual([2, '', expect.stringContaining(words)]);
  const forPrograms = await ops(env, 'orders', ...args, '--json');
  expect([forPrograms.code, forPrograms.stderr]).toEqual([2, ran.stderr]);
  expect(JSON.parse(forPrograms.stdout)).toEqual({
    error: expect.stringMatching(new RegExp(`^(?!error:).*${words}`)),
  });
});

test.each(['orders', 'show', 'retry', 'replay'])('%s explains itself, with examples', async (command) => {
  const ran = await ops({}, command, '--help');
  expect([ran.code, ran.stdout]).toEqual([
    0,
    expect.stringMatching(/^Usage: npm run ops -- (.|\n)*^Examples:\n/m),
  ]);
});

test.each(['show', 'retry', 'close'])('%s says by what an order can be named', async (command) => {
  const { stdout } = await ops({}, command, '--help');
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
    'its checkout session (cs_…), payment (pi_…) or subscription (sub_…), or an event (evt_…)',
  );
});

test('where the migrations are missing it says what to do, to programs as well', async () => {
  const { code, stdout, stderr } = await ops({ ...env, DATABASE_URL: unmigrated.url }, 'orders', '--json');
  expect(stderr).toMatch(/lacks a table: run `npm run migrate`/);
  expect({ code, ...JSON.parse(stdout) }).toEqual({ code: 1, error: stderr.trim() });
});

test.each(['orders', 'reconcile'])('%s says in which zone dates are meant', async (command) => {
  for (const TZ of ['UTC', 'Europe/Berlin']) {
    const { stdout } = await ops({ TZ }, command, '--help');
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(`2026-11-25 or 2026-11-25T18:00 (${TZ})`);
  }
});

test('the help says which values there are', async () => {
  const { stdout } = await ops({}, 'orders', '--help');
  const help = stdout.replaceAll(/\s+/g, ' ');
  for (const values of [orderStatuses, fulfillmentStandings]) expect(help).toContain(values.join(', '));
});
