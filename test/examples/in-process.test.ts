import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { packingSlips } from '../../examples/in-process/packing-slips.ts';
import { startExample } from '../support/example.ts';
import { root, runFile, startSurroundings } from '../support/process.ts';
import { scratchDir } from '../support/scratch-dir.ts';
import { deliver } from '../support/service.ts';
import { until } from '../support/until.ts';

const cwd = await scratchDir();
const { env, db, receiver, paidEvent } = await startSurroundings();
const example = await startExample('in-process/main.ts', {
  cwd,
  env: { ...env, PORT: '0' },
  ready: /"listening on (\S+)"/,
});
afterAll(async () => {
  await example[Symbol.asyncDispose]();
});
const [, url = ''] = example.match;

test('the service calls the function in place of the URL, and a slip is written', async () => {
  await deliver(url, paidEvent());
  const order = await until('the order is fulfilled', () =>
    db('orders')
      .join('fulfillments', 'order_id', 'orders.id')
      .where('fulfillments.status', 'fulfilled')
      .first(),
  );
  const slip = path.join(cwd, '.data', 'packing-slips', `${order.checkout_session_id}.txt`);
  expect(await readFile(slip, 'utf8')).toContain('[ ] 2 x Mug No. 1');
  expect(receiver.calls).toEqual([]);
});

test('an attempt that breaks off leaves no slip, and the next ones write the same', async () => {
  const dir = path.join(cwd, 'slips');
  const paid = {
    order: { id: 1, customer_name: 'Jenny' },
    lineItems: [{ quantity: 1, description: 'mug'.repeat(1_000) }],
    idempotencyKey: 'cs_test_1',
  } as never;
  const { signal } = new AbortController();
  const example = path.join(root, 'examples/in-process/packing-slips.ts');
  const attempt = `import { packingSlips } from '${example}'; await packingSlips('${dir}')(${JSON.stringify(paid)})`;
  // As on a full disk: its beginning can be written.
  const limited = ['-c', 'ulimit -f 1 && exec "$@"', 'sh', process.execPath, '-e', attempt];
  const broken = runFile('sh', {}, limited);
  expect((await broken.ended).code).toBe(1);
  expect(broken.written.stderr).toContain('EFBIG');
  const slips = async () => (await readdir(dir)).filter((name) => name.endsWith('.txt'));
  expect(await slips()).toEqual([]);

  await packingSlips(dir)(paid, signal);
  await packingSlips(dir)(paid, signal);
  expect(await slips()).toEqual(['cs_test_1.txt']);
  expect(await readFile(path.join(dir, 'cs_test_1.txt'), 'utf8')).toMatch(/mugmug\n$/);
});

test('a customer adds no line to the slip by their name', async () => {
  const dir = path.join(cwd, 'forged');
  const order = { id: 1, customer_name: 'Jenny\n\n[ ] 50 x Gold bar' };
  const paid = { order, lineItems: [], idempotencyKey: 'cs_test_2' } as never;
  await packingSlips(dir)(paid, new AbortController().signal);
  expect(await readFile(path.join(dir, 'cs_test_2.txt'), 'utf8')).not.toMatch(/^\[ \]/m);
});
