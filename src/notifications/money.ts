import { onceForEach } from '../once-for-each.ts';

/**
 * What Stripe counts in other than hundredths: https://docs.stripe.com/currencies#minor-units.
 * ISK and UGX are missing on purpose: they have no decimals, and yet Stripe counts them in two.
 */
const withoutDecimals = new Set('BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF'.split(' '));
const withThreeDecimals = new Set('BHD JOD KWD OMR TND'.split(' '));

/** The currencies whose amounts mean something else in hundredths, as Stripe writes them. */
export const notInHundredths: readonly string[] = [...withoutDecimals, ...withThreeDecimals].map((currency) =>
  currency.toLowerCase(),
);

function decimalsAtStripe(currency: string): number {
  if (withoutDecimals.has(currency)) return 0;
  return withThreeDecimals.has(currency) ? 3 : 2;
}

/** Minor units as Stripe counts them, written for people: `1234` of `usd` is `$12.34`, and of what is no code `12.34 usdc`. */
export function formatAmount(amount: number, currency: string): string {
  if (!/^[a-z]{3}$/i.test(currency)) return `${majorUnits(amount, currency)} ${currency}`;
  const { decimals, format } = formatOf(currency.toUpperCase());
  // A decimal string stays exact where `amount / 100` would round.
  return format.format(`${amount}e-${decimals}` as Intl.StringNumericLiteral);
}

/** What the customer was charged, of Stripe's `presentment_details`; null where that was the order's own amount. */
export function presentmentOf(details: unknown): string | null {
  const { presentment_amount: amount, presentment_currency: currency } = (details ?? {}) as Record<
    string,
    unknown
  >;
  return typeof amount === 'number' && typeof currency === 'string' ? formatAmount(amount, currency) : null;
}

/** The other way round: `12.34` of `usd` is 1234. Null when the currency is not counted so finely. */
export function minorUnits(major: string, currency: string): number | null {
  const [whole = '', fraction = ''] = major.split('.');
  const decimals = decimalsAtStripe(currency.toUpperCase());
  return fraction.length > decimals ? null : Number(whole + fraction.padEnd(decimals, '0'));
}

/** For programs that reckon: `1234` of `usd` is `12.34`. */
export function majorUnits(minor: number, currency: string): string {
  const decimals = decimalsAtStripe(currency.toUpperCase());
  const digits = String(Math.abs(minor)).padStart(decimals + 1, '0');
  const [whole, fraction] = [
    digits.slice(0, digits.length - decimals),
    digits.slice(digits.length - decimals),
  ];
  return `${minor < 0 ? '-' : ''}${whole}${fraction && `.${fraction}`}`;
}

/** Of each currency once, of which there are some 150: making the two of them took 250 us of a receipt with three items. */
const formatOf = onceForEach((currency) => {
  const style = { style: 'currency', currency } as const;
  const decimals = decimalsAtStripe(currency);
  const customary = new Intl.NumberFormat('en', style).resolvedOptions().maximumFractionDigits ?? decimals;
  const format = new Intl.NumberFormat('en', {
    ...style,
    minimumFractionDigits: decimals,
    // Nobody writes `ISK 500.00`; a fraction that is there after all is not hidden.
    trailingZeroDisplay: customary < decimals ? 'stripIfInteger' : 'auto',
  });
  return { decimals, format };
});
