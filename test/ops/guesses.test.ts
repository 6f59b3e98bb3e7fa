import { expect, test } from '@jest/globals';
import { countGuesses } from '../../src/ops/guesses.ts';

test('after five wrong guesses in a minute the next one waits until the first of them is a minute old', () => {
  let now = 0;
  const guesses = countGuesses(() => now);
  for (const at of [0, 1_000, 2_000, 3_000]) {
    now = at;
    guesses.wrong();
    expect(guesses.wait()).toBe(0);
  }
  now = 4_000;
  guesses.wrong();
  expect(guesses.wait()).toBe(56);
  now = 59_999;
  expect(guesses.wait()).toBe(1);
  now = 60_000;
  expect(guesses.wait()).toBe(0);
  guesses.wrong();
  expect(guesses.wait()).toBe(1);
  // Made side by side, and so more than five.
  guesses.wrong();
  expect(guesses.wait()).toBe(2);
});
