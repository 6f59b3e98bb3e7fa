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

test.each([
  ['2026-11-25', 'UTC', '2026-11-25T00:00:00.000Z'],
  ['2026-11-25', 'Europe/Berlin', '2026-11-24T23:00:00.000Z'],
  ['2026-07-25', 'Europe/Berlin', '2026-07-24T22:00:00.000Z'],
  ['2026-11-25T18:30', 'America/New_York', '2026-11-25T23:30:00.000Z'],
  ['2026-11-25 18:30', 'America/New_York', '2026-11-25T23:30:00.000Z'],
  ['2026-11-25 18:30:05.5', 'America/New_York', '2026-11-25T23:30:05.500Z'],
  ['2026-11-25 18:30Z', 'America/New_York', '2026-11-25T18:30:00.000Z'],
  ['2026-11-25', 'Asia/Kathmandu', '2026-11-24T18:15:00.000Z'],
  ['0001-01-01', 'Europe/Berlin', '0001-01-01T00:00:00.000Z'],
  ['9999-12-31', 'America/New_York', '9999-12-31T05:00:00.000Z'],
  // Clocks go forward at 02:00 and back at 03:00 on these days.
  ['2026-03-29T01:30', 'Europe/Berlin', '2026-03-29T00:30:00.000Z'],
  ['2026-03-29T02:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
  ['2026-03-29T03:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
  ['2026-10-25T02:30', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
  ['2026-10-25T03:30', 'Europe/Berlin', '2026-10-25T02:30:00.000Z'],
  // Forward at 02:00, and in Chile at midnight.
  ['2026-03-08T02:00', 'America/New_York', '2026-03-08T07:00:00.000Z'],
  ['2026-09-06', 'America/Santiago', '2026-09-06T04:00:00.000Z'],
])('%s in %s is %s', (text, zone, instant) => {
  expect(parseMoment(text, zone)).toEqual({ at: new Date(instant) });
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
    '2026-02-30',
    '2026-11-31T10:00Z',
    '2026-11-20T18:00+99:00',
    '2026-11-20T25:00',
    '2026',
    '2026-11-20Z',
    '2026-11-20T18:00 CET',
    '2026-11-20 6 PM',
  ])
    expect([text, parseMoment(text)]).toEqual([text, null]);
});
