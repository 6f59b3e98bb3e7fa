import type Stripe from 'stripe';
import type { Buyer } from './sessions.ts';

export interface Cart {
  readonly buyer: Buyer;
  readonly currency: string;
  readonly items: readonly {
    readonly name: string;
    readonly unitAmount: number;
    readonly quantity: number;
  }[];
}

/** Prices in cents. */
const catalogue = [
  ['Blue mug', 1_450],
  ['Linen tea towel', 990],
  ['Olive wood spoon', 1_225],
  ['Espresso beans, 500 g', 1_690],
  ['Sourdough starter', 650],
  ['Enamel milk pan', 3_900],
  ['Beeswax candle', 875],
  ['Wool blanket', 8_900],
  ['Notebook, dotted', 1_150],
  ['Fountain pen', 4_250],
  ['Herb seeds “Provence”', 420],
] as const;

/** `rate`: minor units of the customer's currency for a cent. The yen has none smaller than itself. */
const customers = [
  {
    name: 'Jenny Rosen',
    email: 'jenny.rosen',
    currency: 'usd',
    rate: 1,
    place: ['354 Oyster Point Blvd', 'South San Francisco', '94080', 'CA', 'US'],
  },
  {
    name: 'Jörg Müller',
    email: 'joerg.mueller',
    currency: 'eur',
    rate: 1,
    place: ['Torstraße 12', 'Berlin', '10119', null, 'DE'],
  },
  {
    name: '佐藤 花子',
    email: 'hanako.sato',
    currency: 'jpy',
    rate: 1.5,
    place: ['神南1-19-11', '渋谷区', '150-0041', '東京都', 'JP'],
  },
  {
    name: "Maeve O'Brien",
    email: 'maeve.obrien',
    currency: 'gbp',
    rate: 0.8,
    place: ['27 Clarendon Road', 'Leeds', 'LS2 9NZ', null, 'GB'],
  },
  {
    name: 'Élise Tremblay',
    email: 'elise.tremblay',
    currency: 'cad',
    rate: 1.4,
    place: ['1200 rue Saint-Denis', 'Montréal', 'H2X 3J6', 'QC', 'CA'],
  },
  {
    name: 'Noah Williams',
    email: 'noah.williams',
    currency: 'aud',
    rate: 1.5,
    place: ['5 Bridge Street', 'Sydney', '2000', 'NSW', 'AU'],
  },
] as const;

/** The same cart for the same index: 1 to 30 items, six customers and currencies. */
export function cartOf(index: number): Cart {
  const { name, email, currency, rate, place } = at(customers, index);
  const [line1, city, postal_code, state, country] = place;
  const size = 1 + ((index * 7 + 2) % 30);
  return {
    buyer: {
      name,
      email: `${email}@example.com`,
      address: { city, country, line1, line2: null, postal_code, state },
    },
    currency,
    items: Array.from({ length: size }, (_, n) => {
      const [item, cents] = at(catalogue, index + n * 3);
      return { name: item, unitAmount: Math.round(cents * rate), quantity: 1 + ((index + n) % 3) };
    }),
  };
}

export function freeCartOf(index: number): Cart {
  const cart = cartOf(index);
  return { ...cart, items: cart.items.map((item) => ({ ...item, unitAmount: 0 })) };
}

/** What a shop's backend asks of Stripe to sell a cart. */
export function checkoutOf(
  { buyer, currency, items }: Cart,
  index: number,
): Stripe.Checkout.SessionCreateParams {
  const country = buyer.address.country as 'US';
  return {
    mode: 'payment',
    line_items: items.map(({ name, unitAmount, quantity }) => ({
      price_data: { currency, unit_amount: unitAmount, product_data: { name } },
      quantity,
    })),
    customer_email: buyer.email,
    client_reference_id: `cart_${1_001 + index}`,
    metadata: { channel: 'simulate' },
    shipping_address_collection: { allowed_countries: [country] },
    success_url: 'https://shop.example.com/thanks?session_id={CHECKOUT_SESSION_ID}',
  };
}

function at<T>(list: readonly T[], index: number): T {
  return list[index % list.length] as T;
}
