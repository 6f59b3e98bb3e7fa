import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { backoffMs } from '../../src/work/backoff.ts';

const HOUR = 3_600_000;

test('grows by three from a second to six hours', () => {
  const pauses = Array.from({ length: 12 }, (_, i) => backoffMs(i + 1, 0, () => 0));
  expect(pauses.slice(0, 4)).toEqual([1_000, 3_000, 9_000, 27_000]);
  expect(pauses.slice(-2)).toEqual([6 * HOUR, 6 * HOUR]);
});

test('is cut by up to half at random, and never shorter than what the receiver asked for, up to a day', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.oneof(fc.constant(0), fc.nat(100 * HOUR)),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, retryAfterMs, random) => {
        const longest = backoffMs(attempt, 0, () => 0);
        const pause = backoffMs(attempt, retryAfterMs, () => random);
        expect(pause).toBeGreaterThanOrEqual(Math.min(retryAfterMs, 24 * HOUR));
        expect(pause).toBeGreaterThanOrEqual(Math.floor(longest / 2));
        expect(pause).toBeLessThanOrEqual(Math.max(longest, Math.min(retryAfterMs, 24 * HOUR)));
      },
    ),
  );
});
