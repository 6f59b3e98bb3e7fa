import { setImmediate as immediate } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { inTurns } from '../src/turns.ts';

test('a burst goes on a few at a time, in order, and others have their turn in between', async () => {
  const turn = inTurns(2);
  const seen: (number | string)[] = [];
  const burst = [1, 2, 3, 4, 5].map((n) => turn().then(() => seen.push(n)));
  setImmediate(() => seen.push('another'));
  await Promise.all(burst);
  expect(seen).toEqual([1, 2, 'another', 3, 4, 5]);
});

test('a lone caller goes on at the next turn of the loop, also after a burst', async () => {
  const turn = inTurns(2);
  await Promise.all([turn(), turn(), turn()]);
  const seen: string[] = [];
  const lone = turn().then(() => seen.push('lone'));
  await immediate();
  seen.push('one turn later');
  await lone;
  expect(seen).toEqual(['lone', 'one turn later']);
});
