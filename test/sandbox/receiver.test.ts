import { afterAll, expect, test } from '@jest/globals';
import type { PaidOrder } from '../../src/fulfillment/fulfiller.ts';
import { httpFulfiller } from '../../src/fulfillment/http-fulfiller.ts';
import { openReceiverFiles, startReceiver } from '../../src/sandbox/receiver.ts';
import { recordingLog } from '../support/log.ts';
import { scratchDir } from '../support/scratch-dir.ts';

const dir = await scratchDir();
const { log, lines } = recordingLog();
const receiver = await startReceiver({ dir, log });
afterAll(receiver.close);
const { requests, outages } = await openReceiverFiles(dir);
const fulfil = httpFulfiller(receiver.endpoint);
const paid = (idempotencyKey: string) =>
  ({ order: { paid_at: null }, lineItems: [], idempotencyKey }) as unknown as PaidOrder;
const { signal } = new AbortController();

test('what the service sends is verified and kept', async () => {
  await fulfil(paid('cs_test_a1good'), signal);
  const [request, ...more] = (await requests.find('cs_test_a1good')) ?? [];
  expect(more).toEqual([]);
  expect(request).toMatchObject({ status: 200, headers: { 'webhook-id': 'cs_test_a1good' } });
  expect(JSON.parse(request?.body ?? '')).toMatchObject({ type: 'order.paid' });
});

test('while it is down for an order it answers 503, to that order alone', async () => {
  await outages.save('cs_test_a1down', { down: true });
  await expect(fulfil(paid('cs_test_a1down'), signal)).rejects.toThrow('the receiver answered 503');
  await fulfil(paid('cs_test_a1other'), signal);
  await outages.save('cs_test_a1down', { down: false });
  await fulfil(paid('cs_test_a1down'), signal);
  expect((await requests.find('cs_test_a1down'))?.map(({ status }) => status)).toEqual([503, 200]);
});

test('a wrong signature, and an id that is no file’s name, leave nothing behind but the reason in the log', async () => {
  lines.length = 0;
  const stranger = httpFulfiller({ ...receiver.endpoint, secret: 'whsec_c29tZWJvZHk=' });
  await expect(stranger(paid('cs_test_a1wrong'), signal)).rejects.toThrow('the receiver answered 400');
  expect(await requests.find('cs_test_a1wrong')).toBeNull();
  await expect(fulfil(paid('../cs_test_a1'), signal)).rejects.toThrow('the receiver answered 400');
  expect(lines.map(({ reason }) => reason)).toEqual([
    'No matching signature found',
    '../cs_test_a1 is no id that is kept here',
  ]);
});
