import { expect, test } from '@jest/globals';
import { readListQuery } from '../../src/ops/filter-query.ts';

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
