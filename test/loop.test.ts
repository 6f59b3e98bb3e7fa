import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { startLoop } from '../src/loop.ts';

const HOUR_MS = 60 * 60 * 1_000;

test('a stop breaks off the rest between two passes, and no other pass begins', async () => {
  let passes = 0;
  const loop = startLoop(async () => {
    passes += 1;
    return HOUR_MS;
  });
  await turnOfTheLoop();
  let stopped = false;
  void loop.stop().then(() => {
    stopped = true;
  });
  // What it would give to a pass is longer, however slow the machine is.
  await turnOfTheLoop();
  expect([stopped, passes]).toEqual([true, 1]);
});

test('a stop waits for the pass that is under way, and not for one that has no end', async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  let passed = false;
  const ending = startLoop(() =>
    promise.finally(() => {
      passed = true;
    }),
  );
  const stopping = ending.stop();
  resolve(HOUR_MS);
  await stopping;
  expect(passed).toBe(true);
  await startLoop(() => new Promise(() => {})).stop();
});
