import { expect, test } from '@jest/globals';
import { compareClocks } from '../../../src/ops/doctor/clock.ts';

test.each([
  ['agrees', 0, 'ok', 'agree'],
  ['is 30 s ahead', 30, 'ok', 'agree'],
  ['is 31 s ahead', 31, 'warning', '31 s ahead of theirs'],
  ['is 31 s behind', -31, 'warning', '31 s behind theirs'],
  ['is 239 s ahead', 239, 'warning', '239 s ahead'],
  ['is 240 s ahead', 240, 'wrong', '240 s ahead'],
  ['is an hour behind', -3_600, 'wrong', '3600 s behind'],
])("a machine's clock that %s", (_what, offset, state, words) => {
  expect(compareClocks('theirs', offset)).toEqual({ state, message: expect.stringContaining(words) });
});

test('a clock that tells no time', () => {
  expect(compareClocks('theirs', Number.NaN).state).toBe('not_checked');
});
