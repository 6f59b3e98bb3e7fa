import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { confirmed } from '../../src/ops/confirm.ts';

/** A person who types this and then, perhaps, ends the input. */
function terminal(typed: string, { isTTY = true, ends = false } = {}) {
  const stdin = Object.assign(new PassThrough(), { isTTY });
  const stderr = new PassThrough();
  stdin.write(typed);
  if (ends) stdin.end();
  return { stdin, stderr };
}

test.each([
  ['yes\n', true],
  [' YES \n', true],
  ['y\n', false],
  ['no\n', false],
  ['\n', false],
])('%j means %p', async (typed, agreed) => {
  const at = terminal(typed);
  expect(await confirmed('All is lost then.', {}, at)).toBe(agreed);
  expect(String(at.stderr.read())).toBe('All is lost then. Type yes to go on: ');
});

test('an input that ends is no consent', async () => {
  expect(await confirmed('?', {}, terminal('', { ends: true }))).toBe(false);
});

test.each([
  ['with --yes', { yes: true }, { isTTY: true }],
  ['without a terminal', {}, { isTTY: false }],
] as const)('%s nobody is asked', async (_what, options, input) => {
  const at = terminal('no\n', input);
  expect(await confirmed('?', options, at)).toBe(true);
  expect(at.stderr.read()).toBeNull();
});
