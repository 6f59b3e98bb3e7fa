import { expect, test } from '@jest/globals';
import { storyOf } from '../../../src/sandbox/shop/story.ts';

const at = (second: number) => new Date(Date.UTC(2026, 10, 25, 9, 0, second));
const delivered = { at: at(1), by: 'stripe', tone: 'good', words: 'It was delivered.' } as const;

test('the deeds of the sandbox and of the service are one story, in their order', () => {
  const moved = { at: at(2), kind: 'transition', from: null, to: 'paid', source: 'webhook', event_id: null };
  const deeds = [delivered, { ...delivered, at: at(4) }];
  expect(storyOf(deeds, [moved as never]).map(({ at, by }) => [at.getUTCSeconds(), by])).toEqual([
    [1, 'stripe'],
    [2, 'service'],
    [4, 'stripe'],
  ]);
});

test('what began at one instant is told in the order of its causes', () => {
  const moved = { at: at(1), kind: 'transition', from: null, to: 'paid', source: 'webhook', event_id: null };
  expect(storyOf([delivered], [moved as never]).map(({ by }) => by)).toEqual(['stripe', 'service']);
});

test('what was asked for by a button here is told in words', () => {
  const action = {
    at: at(5),
    kind: 'action',
    actor: 'sandbox',
    action: 'retry',
    subject: '1',
    details: {},
  } as const;
  expect(storyOf([], [action]).map(({ words }) => words)).toEqual([
    'You asked for the next attempt at once.',
  ]);
});
