export interface Product {
  /** Also the name of its picture. */
  readonly id: string;
  readonly name: string;
  readonly about: string;
  /** In cents. */
  readonly price: number;
}

export const currency = 'eur';

export const products: readonly Product[] = [
  { id: 'mug', name: 'Blue mug', about: 'Holds coffee, and the morning.', price: 1_450 },
  { id: 'notebook', name: 'Notebook, dotted', about: 'For what must not be lost.', price: 1_150 },
  { id: 'candle', name: 'Beeswax candle', about: 'Burns once, exactly.', price: 875 },
  { id: 'blanket', name: 'Wool blanket', about: 'Warm at every retry.', price: 8_900 },
];

export const shippingOptions = [
  { name: 'Post, 3 to 5 days', amount: 0 },
  { name: 'Courier, tomorrow', amount: 990 },
] as const;
