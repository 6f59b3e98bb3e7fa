import { expect, test } from '@jest/globals';
import { fuzz } from './fuzz.ts';
import { prepareTarget } from './target.ts';

const { spawn } = await prepareTarget();

/** test/faults/hostile.long.ts sends 100,000. */
test('3,000 hostile requests: none does harm, and the service goes on', async () => {
  await using target = await spawn();
  const answered = await fuzz(target, { count: 3_000, seed: Date.now() % 1_000_000 });
  for (const status of [200, 400, 401, 404, 405, 413, 417, 431, 'none'])
    expect(answered).toHaveProperty(String(status));
  await target.expectUnharmed();
}, 600_000);
