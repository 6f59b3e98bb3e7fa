import { expect, test } from '@jest/globals';
import { isStatementError } from '../../src/db/errors.ts';
import { createTestDatabase } from '../support/database.ts';

const { db } = await createTestDatabase();

test.each([
  ['is about the statement', 'select 1 / 0', true],
  ['is not', 'select pg_terminate_backend(pg_backend_pid())', false],
])("an error of PostgreSQL's %s: %s", async (_, sql, expected) => {
  expect(isStatementError(await db.raw(sql).catch((error) => error))).toBe(expected);
});

test("a broken connection is not about the statement, though Node's code for it has the form of an SQLSTATE", () => {
  expect(isStatementError(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))).toBe(false);
});
