import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { jsonArray, textMatrix } from '../../src/db/binary.ts';
import { createTestDatabase } from '../support/database.ts';

const { db } = await createTestDatabase({ migrated: false });

/** Any text that PostgreSQL can hold, quotes, braces and backslashes among it. */
const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', ''));
const element = fc.option(text);

test('a matrix of text arrives as it was sent, row by row', async () => {
  const matrix = fc
    .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
    .chain(([height, width]) =>
      fc.array(fc.array(element, { minLength: width, maxLength: width }), {
        minLength: height,
        maxLength: height,
      }),
    );
  await fc.assert(
    fc.asyncProperty(matrix, async (rows) => {
      using matrix = textMatrix(rows);
      const { rows: found } = await db.raw('select :matrix::text[] as matrix', { matrix: matrix.bytes });
      expect(found).toEqual([{ matrix: rows }]);
    }),
  );
});

test('an array of JSON arrives to the letter, whether it came as text or as bytes', async () => {
  const document = fc.json().map((json) => ` ${json}`);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(document), { minLength: 1 }), async (documents) => {
      const bytes = documents.map((json) => (json === null ? null : Buffer.from(json)));
      for (const sent of [documents, bytes]) {
        using array = jsonArray(sent);
        const { rows } = await db.raw('select json::text from unnest(:documents::json[]) as json', {
          documents: array.bytes,
        });
        expect(rows.map(({ json }: { json: string | null }) => json)).toEqual(documents);
      }
    }),
  );
});

test('half a surrogate, which no UTF-8 has, becomes U+FFFD', async () => {
  using matrix = textMatrix([['a\ud800b']]);
  const { rows } = await db.raw('select (:matrix::text[])[1][1] as text', { matrix: matrix.bytes });
  expect(rows).toEqual([{ text: 'a\uFFFDb' }]);
});
