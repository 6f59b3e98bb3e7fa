import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { packingSlips } from '../../examples/in-process/packing-slips.ts';
import { startExample } from '../support/example.ts';
import { startSurroundings } from '../support/process.ts';
import { deliver, scratchDir } from '../support/service.ts';
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

test('a second attempt leaves the slip as it is', async () => {
  const dir = path.join(cwd, 'slips');
  const paid = {
    order: { id: 1, customer_name: 'Jenny' },
    lineItems: [],
    idempotencyKey: 'cs_test_1',
  } as never;
  const { signal } = new AbortController();
  await packingSlips(dir)(paid, signal);
  await packingSlips(dir)(paid, signal);
  expect(await readdir(dir)).toEqual(['cs_test_1.txt']);
});
