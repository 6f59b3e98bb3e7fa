import { expect, test } from '@jest/globals';
import { promotionCodes } from '../../src/sandbox/prices.ts';
import { sessionParams } from '../../src/sandbox/session-params.ts';
import { openSessions } from '../../src/sandbox/sessions.ts';
import { scratchDir } from '../support/scratch-dir.ts';

const sessions = await openSessions(await scratchDir());
const [tenPercent = null, everything = null] = promotionCodes;

/** Two mugs of 14.50 and a candle of 8.75, posted for nothing or for 4.90. */
const sold = () =>
  sessions.create(
    sessionParams.parse({
      mode: 'payment',
      success_url: 'https://shop.example/thanks',
      allow_promotion_codes: 'true',
      line_items: [
        {
          price_data: { currency: 'eur', unit_amount: '1450', product_data: { name: 'Mug' } },
          quantity: '2',
          adjustable_quantity: { enabled: 'true', minimum: '1', maximum: '9' },
        },
        {
          price_data: { currency: 'eur', unit_amount: '875', product_data: { name: 'Candle' } },
          quantity: '1',
        },
      ],
      shipping_options: [
        ['Post', '0'],
        ['Courier', '490'],
      ].map(([display_name, amount]) => ({
        shipping_rate_data: { display_name, type: 'fixed_amount', fixed_amount: { amount, currency: 'eur' } },
      })),
    }),
  );

test('a session begins with the first way to ship, and nothing taken off', async () => {
  const { session, shippingRates } = await sold();
  expect(session).toMatchObject({
    amount_subtotal: 3_775,
    amount_total: 3_775,
    allow_promotion_codes: true,
    shipping_cost: { amount_total: 0, shipping_rate: shippingRates[0]?.id },
    total_details: { amount_discount: 0, amount_shipping: 0 },
  });
});

test('quantity, code and shipping change every amount, and the code nothing of the shipping', async () => {
  const { session, lineItems, shippingRates } = await sold();
  const [mug, candle] = lineItems.map(({ id }) => id);
  const shippingRate = shippingRates[1]?.id ?? null;
  await sessions.choose(session.id, {
    quantities: { [String(mug)]: 3 },
    promotionCode: tenPercent,
    shippingRate,
  });
  const stored = await sessions.find(session.id);
  expect(stored?.session).toMatchObject({
    amount_subtotal: 5_225,
    amount_total: 5_225 - 435 - 88 + 490,
    discounts: [{ promotion_code: tenPercent?.id }],
    shipping_cost: { amount_total: 490, shipping_rate: shippingRate },
    total_details: { amount_discount: 523, amount_shipping: 490 },
  });
  expect(stored?.lineItems).toMatchObject([
    { id: mug, quantity: 3, amount_subtotal: 4_350, amount_discount: 435, amount_total: 3_915 },
    { id: candle, quantity: 1, amount_subtotal: 875, amount_discount: 88, amount_total: 787 },
  ]);
});

test('a code for all of it leaves nothing to pay', async () => {
  const { session, shippingRates } = await sold();
  const shippingRate = shippingRates[0]?.id ?? null;
  expect(
    await sessions.choose(session.id, { quantities: {}, promotionCode: everything, shippingRate }),
  ).toMatchObject({ amount_subtotal: 3_775, amount_total: 0 });
});

test.each([
  [0, 1],
  [10, 9],
  [1.5, 2],
])('a quantity of %d becomes %d, within its bounds', async (wanted, quantity) => {
  const { session, lineItems } = await sold();
  const [mug, candle] = lineItems.map(({ id }) => id);
  const quantities = { [String(mug)]: wanted, [String(candle)]: 5 };
  await sessions.choose(session.id, { quantities, promotionCode: null, shippingRate: null });
  const { lineItems: chosen = [] } = (await sessions.find(session.id)) ?? {};
  // The candle's is not adjustable.
  expect(chosen.map((item) => item.quantity)).toEqual([quantity, 1]);
});
