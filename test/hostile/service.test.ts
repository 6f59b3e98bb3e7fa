import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { deliver } from '../support/service.ts';
import { until } from '../support/until.ts';
import { fuzz } from './fuzz.ts';
import { connectTo } from './socket.ts';
import { prepareTarget } from './target.ts';

const { spawn, paidEvent } = await prepareTarget();

/** test/faults/hostile.long.ts sends 100,000. */
test('3,000 hostile requests: none does harm, and the service goes on', async () => {
  await using target = await spawn();
  const answered = await fuzz(target, { count: 3_000, seed: Date.now() % 1_000_000 });
  for (const status of [200, 400, 401, 404, 405, 413, 417, 431, 'none'])
    expect(answered).toHaveProperty(String(status));
  await target.expectUnharmed();
}, 600_000);

const CLOSED_WITHIN_MS = 15_000;
const head = 'POST /webhook HTTP/1.1\r\nHost: shop.example\r\n';
const health = 'GET /healthz HTTP/1.1\r\nHost: shop.example\r\n\r\n';

/** How a socket begins, and what drips after it. */
const slow: readonly (readonly [begin: string, drop: string])[] = [
  ['', ''],
  [head, 'X: y\r\n'],
  [`${head}X-Long: `, 'x'],
  [`${head}Content-Length: 100000\r\n\r\n{`, ' '],
  [`${head}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'],
  [
    'POST /checkout-sessions/cs_1/fulfill HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 9999\r\n\r\n',
    ' ',
  ],
  [health + head, 'X: y\r\n'],
];

/** Resolves, once the other side has closed it, with the time. */
function closing(socket: Socket): Promise<number> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve(performance.now()));
  });
}

function dawdle(url: string, n: number): Promise<number> {
  const [begin, drop] = slow[n % slow.length] as (typeof slow)[number];
  const socket = connectTo(url).resume();
  socket.write(begin);
  const dripping = setInterval(() => socket.write(drop), 1_000);
  return closing(socket).finally(() => clearInterval(dripping));
}

function send(url: string, text: string): Promise<number> {
  const socket = connectTo(url).resume();
  socket.write(text);
  return closing(socket);
}

const almost = `${head}Content-Length: 1048576\r\n\r\n${'x'.repeat(1024 * 1024 - 1)}`;
const tiny = `${head}Transfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(500_000)}`;
const times = (count: number, open: (n: number) => Promise<number>) =>
  Promise.all(Array.from({ length: count }, (_, n) => open(n)));

test('500 that dawdle, 500 large bodies without an end and bodies in tiny chunks: all are closed within 15 s, and deliveries are answered meanwhile', async () => {
  await using target = await spawn();
  const { url } = target;
  /** As Stripe does: again, where the flood has used up the 4 s that an answer has. */
  async function expectDelivery(): Promise<number> {
    const event = paidEvent();
    await until('it is delivered', async () => (await deliver(url, event)) === 200);
    return performance.now();
  }
  const dawdling = times(500, (n) => dawdle(url, n));
  const dawdlingSince = await expectDelivery();
  const flood = Promise.all([times(500, () => send(url, almost)), times(2, () => send(url, tiny))]);
  const floodedSince = await expectDelivery();

  let open = true;
  void Promise.all([dawdling, flood]).then(() => {
    open = false;
  });
  let answered = 0;
  for (; open; answered += 1) {
    const startedAt = performance.now();
    // Checkout lets its customer wait so long.
    expect((await expectDelivery()) - startedAt).toBeLessThan(10_000);
    await pause(50);
  }
  expect(answered).toBeGreaterThan(1);
  expect(Math.max(...(await dawdling)) - dawdlingSince).toBeLessThan(CLOSED_WITHIN_MS);
  expect(Math.max(...(await flood).flat()) - floodedSince).toBeLessThan(CLOSED_WITHIN_MS);
  await target.expectUnharmed();
});
