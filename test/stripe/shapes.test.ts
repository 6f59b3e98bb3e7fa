import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { describeIssues, idOf, json, jsonOf, reference, textOf, word } from '../../src/stripe/shapes.ts';

const accepts = (shape: z.ZodType, value: unknown) => shape.safeParse(value).success;

describe('a word', () => {
  test.each(['a', 'evt_1Q-2', ' ~', 'e'.repeat(255)])('is %p', (value) => {
    expect(accepts(word, value)).toBe(true);
  });

  test.each(['', 'e'.repeat(256), 'ä', 'a\nb', 'a\x7f', 7, null])('is not %p', (value) => {
    expect(accepts(word, value)).toBe(false);
  });
});

test('a reference is an id, the object with that id, or absent; its id is read from each', () => {
  for (const [value, id] of [
    ['cus_1', 'cus_1'],
    [{ id: 'cus_2', object: 'customer' }, 'cus_2'],
    [null, null],
    [undefined, null],
  ] as const) {
    expect(idOf(reference.parse(value))).toBe(id);
  }
  for (const value of [7, '', { id: 7 }, {}]) expect(accepts(reference, value)).toBe(false);
});

describe('storable', () => {
  test.each([
    ['zoë 🎈', 'zoë 🎈'],
    ['a\0b\0', 'a\uFFFDb\uFFFD'],
    ['\ud800x', '\uFFFDx'],
    ['', ''],
    [null, null],
    [undefined, null],
  ])('text: %p', (value, expected) => {
    expect(textOf(value)).toBe(expected);
  });

  test('JSON: its texts and keys wherever they stand, and all else as it is', () => {
    expect(jsonOf({ 'k\0': ['a\0', 1, true, null, { deep: '\ud800' }], nothing: null })).toEqual({
      'k\uFFFD': ['a\uFFFD', 1, true, null, { deep: '\uFFFD' }],
      nothing: null,
    });
    for (const value of [0, 7.5, false, true, null, 'x']) expect(jsonOf(value)).toBe(value);
    expect(jsonOf(undefined)).toBeNull();
  });
});

describe('JSON', () => {
  /** So many arrays and objects, one in the other, each with something beside the next one. */
  const nested = (levels: number): unknown =>
    Array.from({ length: levels }).reduce<unknown>(
      (inner, _, n) => (n % 2 === 0 ? ['beside', inner] : { beside: null, inner }),
      'bottom',
    );

  test.each(['text', 7, false, null, undefined, [], {}, nested(100)])('may be %p', (value) => {
    expect(accepts(json, value)).toBe(true);
  });

  test('may not be nested deeper than 100 levels', () => {
    const { error } = z.object({ metadata: json }).safeParse({ metadata: nested(101) });
    expect(error && describeIssues(error)).toBe('metadata: is nested more than 100 levels deep');
  });
});

test('issues are described by path, without values', () => {
  const shape = z.object({ data: z.object({ id: word }), type: word });
  const of = (value: unknown) => describeIssues(shape.safeParse(value).error as z.ZodError);
  expect(of({ data: { id: 'é' }, type: '' })).toBe(
    'data.id: must be 1 to 255 printable ASCII characters; type: must be 1 to 255 printable ASCII characters',
  );
  expect(of('secret')).toMatch(/^it: .*expected object/);
  expect(of('secret')).not.toContain('secret');
});
