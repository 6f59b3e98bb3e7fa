import { expect, test } from '@jest/globals';
import { readmeStatements } from '../bench/support/readme.ts';
import { createTestDatabase } from './support/database.ts';

const { db } = await createTestDatabase();
const statements = readmeStatements();

test('the README answers questions with SQL', () => {
  expect(statements.length).toBeGreaterThanOrEqual(7);
});

test.each(statements)('the database understands: %s', async (statement) => {
  expect(await db.raw(statement)).toMatchObject({ command: expect.stringMatching(/^(SELECT|UPDATE)$/) });
});
