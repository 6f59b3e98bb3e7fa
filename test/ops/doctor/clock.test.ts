import { expect, test } from '@jest/globals';
import { compareClocks } from '../../../src/ops/doctor/clock.ts';

test.each([
  ['agrees', 0, 'ok', 'agree'],
  ['is 29 s ahead', 29, 'ok', 'agree'],
  ['is 30 s ahead', 30, 'warning', '30 s ahead of theirs'],
  ['is 30 s behind', -30, 'warning', '30 s behind theirs'],
  ['is 239 s ahead', 239, 'warning', '239 s ahead'],
  ['is 240 s ahead', 240, 'wrong', '240 s ahead'],
  ['is an hour behind', -3_600, 'wrong', '3600 s behind'],
])("a machine's clock that %s", (_what, seconds, state, words) => {
  const theirs = Date.parse('2026-11-25T12:00:00Z');
  const ours = theirs + seconds * 1_000;
  // What the way there and back takes counts half.
  expect(compareClocks('theirs', theirs, [ours - 400, ours + 400])).toEqual({
    state,
    message: expect.stringContaining(words),
  });
});

test('a clock that tells no time', () => {
  expect(compareClocks('theirs', Number.NaN, [0, 0]).state).toBe('not_checked');
});
