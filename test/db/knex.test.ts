import { describe, expect, test } from '@jest/globals';
import { createTestDatabase } from '../support/database.ts';

const { db } = await createTestDatabase();

describe('an error of a statement', () => {
  test('speaks with PostgreSQL’s words alone: no statement, no values', async () => {
    const failing = db.raw('select ?::text, 1 / 0', ['jenny@example.com']);
    await expect(failing).rejects.toMatchObject({ message: 'division by zero', code: '22012' });
  });

  test('and so within a transaction', async () => {
    const failing = db.transaction((trx) => trx('orders').insert({ customer_email: 'jenny@example.com' }));
    await expect(failing).rejects.toThrow(/^null value in column "checkout_session_id"/);
  });
});

describe('int8', () => {
  test('is a number, to the last one that JSON carries exactly', async () => {
    const { rows } = await db.raw('select 9007199254740991::bigint as largest, -1::bigint as debt');
    expect(rows).toEqual([{ largest: Number.MAX_SAFE_INTEGER, debt: -1 }]);
  });

  test('is refused beyond it', async () => {
    await expect(db.raw('select 9007199254740992::bigint')).rejects.toThrow(RangeError);
  });
});
