import { expect, test } from '@jest/globals';
import { readListQuery } from '../../src/ops/filter-query.ts';

test('what the URL says, without empty fields', () => {
  expect(readListQuery({ status: 'paid', email: ' jenny ', event: '', after: '1_2' }, 'UTC')).toEqual({
    given: { status: 'paid', email: 'jenny' },
    filter: { status: 'paid', email: 'jenny' },
    after: '1_2',
    faults: {},
  });
});

test('a field that can’t be read is named', () => {
  const { faults } = readListQuery({ status: 'lost', amount: '1,5', after: 'x', email: 'a' }, 'UTC');
  expect(Object.keys(faults).toSorted()).toEqual(['after', 'amount', 'status']);
});

test('what is no filter is a fault, and not left out', () => {
  const { faults } = readListQuery({ status: 'paid', fulfilment: 'dead', toString: 'x' }, 'UTC');
  expect(faults).toEqual({
    fulfilment: 'There is no filter called fulfilment.',
    toString: 'There is no filter called toString.',
  });
});

test('a field that was given twice is not left out', () => {
  const query = { status: ['paid', 'failed'], email: ['a@example.com', 'b'] };
  const { given, faults } = readListQuery(query, 'UTC');
  expect(given.email).toBe('a@example.com,b');
  expect(Object.keys(faults)).toEqual(['status']);
});
