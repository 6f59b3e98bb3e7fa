import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseMoment, secondsOf } from '../../src/ops/moment.ts';

const NOW = 1_795_000_000;
const LENGTHS = { m: 60, h: 3_600, d: 86_400, w: 604_800 } as const;

test('a count and a unit are so long ago, and never before 1970', () => {
  const unit = fc.constantFrom(...(Object.keys(LENGTHS) as (keyof typeof LENGTHS)[]));
  fc.assert(
    fc.property(fc.nat(99_999), unit, (count, name) => {
      const moment = parseMoment(`${count}${name}`);
      expect(moment).toEqual({ ago: count * LENGTHS[name] });
      expect(moment && secondsOf(moment, NOW)).toBe(Math.max(0, NOW - count * LENGTHS[name]));
    }),
  );
});

test('a moment with its zone is that moment, to the second', () => {
  const after1970 = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true });
  fc.assert(
    fc.property(after1970, (date) => {
      const moment = parseMoment(date.toISOString());
      expect(moment && secondsOf(moment, NOW)).toBe(Math.floor(date.getTime() / 1_000));
    }),
  );
});

test.each([
  ['2026-11-20', new Date(2026, 10, 20)],
  ['2026-11-20T18:00', new Date(2026, 10, 20, 18)],
  ['2026-11-20 18:00', new Date(2026, 10, 20, 18)],
  ['2026-11-20T18:00:30', new Date(2026, 10, 20, 18, 0, 30)],
])('%s is meant in the zone of whoever asks', (text, date) => {
  expect(parseMoment(text)).toEqual({ at: date });
});

test('anything else is refused', () => {
  const near = fc.stringMatching(/^[0-9mhdwTZ:. +-]{0,12}$/);
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), (text) => {
      const moment = parseMoment(text);
      if (!/^\d{1,5}[mhdw]$/.test(text) && !/^\d{4}-\d\d-\d\d/.test(text)) expect(moment).toBeNull();
    }),
  );
  for (const text of [
    '',
    '3',
    'd',
    '-3d',
    '3 d',
    '3D',
    '1.5h',
    'yesterday',
    '2026-13-01',
    '2026-11-20T25:00',
    '2026',
    '2026-11-20Z',
    '2026-11-20T18:00 CET',
    '2026-11-20 6 PM',
  ])
    expect([text, parseMoment(text)]).toEqual([text, null]);
});
