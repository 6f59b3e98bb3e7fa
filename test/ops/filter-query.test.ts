import { expect, test } from '@jest/globals';
import { instantOf, readListQuery } from '../../src/ops/filter-query.ts';

test.each([
  ['2026-11-25', 'UTC', '2026-11-25T00:00:00.000Z'],
  ['2026-11-25', 'Europe/Berlin', '2026-11-24T23:00:00.000Z'],
  ['2026-07-25', 'Europe/Berlin', '2026-07-24T22:00:00.000Z'],
  ['2026-11-25T18:30', 'America/New_York', '2026-11-25T23:30:00.000Z'],
  ['2026-11-25', 'Asia/Kathmandu', '2026-11-24T18:15:00.000Z'],
  // Clocks go forward at 02:00 and back at 03:00 on these days.
  ['2026-03-29T01:30', 'Europe/Berlin', '2026-03-29T00:30:00.000Z'],
  ['2026-03-29T03:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
  ['2026-10-25T03:30', 'Europe/Berlin', '2026-10-25T02:30:00.000Z'],
])('%s in %s is %s', (text, zone, instant) => {
  expect(instantOf(text, zone)).toBe(instant);
});

test.each(['3d', '2026-11-25T18:00:00Z', 'yesterday', '2026-13-45', '0001-01-01'])(
  '%s stays as it is',
  (text) => {
    expect(instantOf(text, 'Europe/Berlin')).toBe(text);
  },
);

test('what the URL says, without empty fields and what is no filter', () => {
  expect(
    readListQuery({ status: 'paid', email: ' jenny ', event: '', other: 'x', after: '1_2' }, 'UTC'),
  ).toEqual({
    given: { status: 'paid', email: 'jenny' },
    filter: { status: 'paid', email: 'jenny' },
    after: '1_2',
    faults: {},
  });
});

test('a field that can’t be read is named; one that was given twice is none', () => {
  const { faults } = readListQuery({ status: 'lost', amount: '1,5', after: 'x', email: ['a', 'b'] }, 'UTC');
  expect(Object.keys(faults).toSorted()).toEqual(['after', 'amount', 'status']);
});
