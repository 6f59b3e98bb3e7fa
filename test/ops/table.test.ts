import { stripVTControlCharacters } from 'node:util';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { type Cell, table as styled } from '../../src/ops/table.ts';

/** Whether the tests run at a terminal or not. */
const table = (...args: Parameters<typeof styled>) => stripVTControlCharacters(styled(...args));

const columns = [
  { head: 'ORDER', align: 'right' },
  { head: 'CUSTOMER', gives: true },
  { head: 'ERROR' },
] as const;
const row = ['42', 'a.long.address@example.com', 'the receiver answered 500'];

test('is as wide as what it holds', () => {
  expect(table(columns, [row], null)).toBe(
    [
      'ORDER  CUSTOMER                    ERROR',
      '   42  a.long.address@example.com  the receiver answered 500',
    ].join('\n'),
  );
});

test('a terminal of no known width gets everything whole', () => {
  expect(table(columns, [row], 0)).toBe(table(columns, [row], null));
});

test('on a narrow terminal the columns give way that may, and the last one goes on below itself', () => {
  expect(table(columns, [row], 54)).toBe(
    ['ORDER  CUSTOMER              ERROR', '   42  a.long.address@exam…  the receiver answered 500'].join(
      '\n',
    ),
  );
  expect(table(columns, [row], 30)).toBe(
    ['ORDER  CUST…  ERROR', '   42  a.lo…  the receiver', '              answered 500'].join('\n'),
  );
});

test('what is written in wide characters has the room that a terminal gives them', () => {
  const wide = ['有機コーヒー豆、深煎り', '注文番号', '受信者が五百を返しました。'];
  const shown = table(columns, [wide], 100);
  expect(shown).not.toContain('…');
  expect(lines(shown)).toHaveLength(2);
});

test('a word that is longer than its line goes on below itself as well', () => {
  const session = 'cs_live_b1abcdefghijklmnopqrstuvwxyz';
  expect(table([{}, {}], [['Session', session]], 30)).toBe(
    ['Session  cs_live_b1abcdefghijk', '         lmnopqrstuvwxyz'].join('\n'),
  );
  for (const wide of [
    '受信者が五百を返しました。受信者が五百を返しました。',
    '😀'.repeat(30),
    `a${'😀'.repeat(30)}`,
  ])
    expect(table([{}, {}], [['Error', wide]], 30).replaceAll(/\s|Error/g, '')).toBe(wide);
});

test('an emoji is shortened away as a whole', () => {
  for (const name of ['😀'.repeat(20), `a${'😀'.repeat(20)}`]) {
    const shown = table(columns, [['42', name, 'the receiver answered 500']], 54);
    expect(shown).toContain('😀…');
    expect(shown.isWellFormed()).toBe(true);
  }
});

test('without any head there is no row of heads', () => {
  expect(table([{}, {}], [['Total', '$64.98']], null)).toBe('Total  $64.98');
});

const lines = (text: string) => text.split('\n');

const text = fc.string({ maxLength: 60, unit: fc.constantFrom('a', ' ', '豆', '😀', '\u0301') });

test('never wider than the terminal, whatever it holds', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string(), text, fc.oneof(fc.lorem(), text)), { maxLength: 5 }),
      fc.integer({ min: 30, max: 100 }),
      (rows, width) => {
        const shown = lines(table(columns, rows, width));
        expect(Math.max(...shown.map(stringWidth))).toBeLessThanOrEqual(width);
      },
    ),
  );
});

test('a row is a line where it is no terminal, and steers nothing', () => {
  const hostile: Cell[] = [
    '1\n2',
    { text: '\u001b[2J\u009bclear', style: 'red' },
    'turned \u202earound \u061c\r',
  ];
  expect(lines(table(columns, [hostile], null))[1]).toBe('  1 2  [2J clear  turned  around');
});
