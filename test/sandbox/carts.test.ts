import { expect, test } from '@jest/globals';
import { cartOf, freeCartOf } from '../../src/sandbox/carts.ts';

const carts = Array.from({ length: 60 }, (_, index) => cartOf(index));

test('carts have every size from 1 to 30', () => {
  const sizes = new Set(carts.map((cart) => cart.items.length));
  expect([...sizes].sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
});

test('carts have several currencies, and whole amounts in each', () => {
  expect(new Set(carts.map((cart) => cart.currency))).toEqual(
    new Set(['usd', 'eur', 'jpy', 'gbp', 'cad', 'aud']),
  );
  const amounts = carts.flatMap((cart) => cart.items.map((item) => item.unitAmount));
  expect(amounts.every((amount) => Number.isInteger(amount) && amount > 0)).toBe(true);
});

test('the same index gives the same cart', () => {
  expect(cartOf(17)).toEqual(cartOf(17));
});

test('a free cart is the same, for nothing', () => {
  const { items, ...rest } = freeCartOf(3);
  expect(rest).toEqual({ buyer: cartOf(3).buyer, currency: cartOf(3).currency });
  expect(items.map(({ name, quantity }) => ({ name, quantity }))).toEqual(
    cartOf(3).items.map(({ name, quantity }) => ({ name, quantity })),
  );
  expect(items.every(({ unitAmount }) => unitAmount === 0)).toBe(true);
});
