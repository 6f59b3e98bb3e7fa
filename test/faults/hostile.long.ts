import { test } from '@jest/globals';
import { fuzz } from '../hostile/fuzz.ts';
import { prepareTarget } from '../hostile/target.ts';

const { spawn } = await prepareTarget();

test('100,000 hostile requests: none does harm, and the service goes on', async () => {
  await using target = await spawn();
  await fuzz(target, { count: 100_000, seed: Date.now() % 1_000_000 });
  await target.expectUnharmed();
}, 1_800_000);
