import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatAmount, majorUnits, minorUnits } from '../../src/notifications/money.ts';

const nbsp = '\u00a0';
const max = Number.MAX_SAFE_INTEGER;

describe('an amount for people', () => {
  test.each([
    [1234, 'usd', '$12.34'],
    [5, 'usd', '$0.05'],
    [0, 'eur', '€0.00'],
    [-500, 'eur', '-€5.00'],
    [500, 'jpy', '¥500'],
    [500, 'mga', `MGA${nbsp}500`],
    [1234, 'kwd', `KWD${nbsp}1.234`],
    [50_000, 'isk', `ISK${nbsp}500`],
    [50_010, 'isk', `ISK${nbsp}500.10`],
    [500, 'ugx', `UGX${nbsp}5`],
    [1045, 'huf', `HUF${nbsp}10.45`],
    [80_000, 'twd', 'NT$800.00'],
    [1234, 'xyz', `XYZ${nbsp}12.34`],
    [-1234, 'usdc', '-12.34 usdc'],
    [max, 'usd', '$90,071,992,547,409.91'],
    [-max, 'bhd', `-BHD${nbsp}9,007,199,254,740.991`],
    [max, 'krw', '₩9,007,199,254,740,991'],
  ])('%i of %s is %s', (amount, currency, text) => {
    expect(formatAmount(amount, currency)).toBe(text);
  });

  test.each([
    ['usd', 2],
    ['jpy', 0],
    ['tnd', 3],
    ['isk', 2],
    ['xyz', 2],
  ])('keeps every digit of every safe integer of %s', (currency, decimals) => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (amount) => {
        const [, sign, whole = '', fraction = ''] =
          /^(-?)\D*([\d,]+)(?:\.(\d+))?$/.exec(formatAmount(amount, currency)) ?? [];
        const digits = whole.replaceAll(',', '') + fraction.padEnd(decimals, '0');
        expect(BigInt(`${sign}${digits}`)).toBe(BigInt(amount));
      }),
    );
  });
});

describe('minor units of an amount that a person typed', () => {
  test.each([
    ['64.98', 'usd', 6498],
    ['64', 'EUR', 6400],
    ['0.5', 'isk', 50],
    ['500', 'jpy', 500],
    ['1.234', 'kwd', 1234],
    ['1.2', 'kwd', 1200],
  ])('%s %s are %i', (major, currency, minor) => {
    expect(minorUnits(major, currency)).toBe(minor);
  });

  test.each([
    ['64.985', 'usd'],
    ['500.0', 'jpy'],
    ['1.2345', 'kwd'],
  ])('%s %s is finer than the currency is counted', (major, currency) => {
    expect(minorUnits(major, currency)).toBeNull();
  });
});

test.each([
  [1234, 'usd', '12.34'],
  [5, 'eur', '0.05'],
  [0, 'eur', '0.00'],
  [500, 'jpy', '500'],
  [1500, 'kwd', '1.500'],
  [-1234, 'usd', '-12.34'],
  [9_007_199_254_740_991, 'usd', '90071992547409.91'],
])('%i of %s in major units is %s', (minor, currency, major) => {
  expect(majorUnits(minor, currency)).toBe(major);
});
