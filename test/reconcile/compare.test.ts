import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { differencesOf } from '../../src/reconcile/compare.ts';

const fields = ['currency', 'amount_total', 'amount_subtotal'] as const;
const amount = fc.option(fc.maxSafeNat());
const money = fc.record({
  currency: fc.option(fc.constantFrom('usd', 'eur', 'jpy')),
  amount_total: amount,
  amount_subtotal: amount,
});
const orderWith = <Money extends object>(fields: Money) => ({
  id: 1,
  checkout_session_id: 'cs_test_1',
  ...fields,
});

test('what says the same does not differ', () => {
  fc.assert(fc.property(money, (it) => expect(differencesOf(orderWith(it), { ...it })).toEqual([])));
});

test('each field that differs is named once, with both sides', () => {
  fc.assert(
    fc.property(money, money, (here, there) => {
      const found = differencesOf(orderWith(here), there);
      const patched = {
        ...here,
        ...Object.fromEntries(found.map(({ field, at_stripe }) => [field, at_stripe])),
      };
      expect(patched).toEqual(there);
      expect(found.map(({ field }) => field)).toEqual(fields.filter((field) => here[field] !== there[field]));
      for (const { field, here: ours } of found) expect(ours).toBe(here[field]);
    }),
  );
});
