import type { Session, StoredSession } from './session-object.ts';

/** What a checkout page lets its customer choose. */
export interface Choice {
  /** Of those line items whose quantity may be adjusted, by id. */
  readonly quantities: Readonly<Record<string, number>>;
  readonly promotionCode: PromotionCode | null;
  /** Null where the session has none to choose from. */
  readonly shippingRate: string | null;
}

interface PromotionCode {
  readonly id: string;
  readonly code: string;
  readonly percentOff: number;
}

/** What a Dashboard would hold: the codes that a customer may type. */
export const promotionCodes: readonly PromotionCode[] = [
  { id: 'promo_1SandboxTenPercentOff1', code: 'SAVE10', percentOff: 10 },
  { id: 'promo_1SandboxNothingToPay1', code: 'FREE', percentOff: 100 },
];

export function promotionOf({ discounts }: Session): PromotionCode | null {
  const applied = discounts?.[0]?.promotion_code;
  return promotionCodes.find(({ id }) => id === applied) ?? null;
}

/** The session with everything that its amounts say, as Stripe reckons: a code takes nothing off the shipping. */
export function withChoice(stored: StoredSession, choice: Choice): StoredSession {
  const percentOff = choice.promotionCode?.percentOff ?? 0;
  const lineItems = stored.lineItems.map((item) => {
    const quantity = quantityOf(item, choice.quantities[item.id]);
    const amount_subtotal = (item.price?.unit_amount ?? 0) * quantity;
    const amount_discount = Math.round((amount_subtotal * percentOff) / 100);
    return {
      ...item,
      quantity,
      amount_subtotal,
      amount_discount,
      amount_total: amount_subtotal - amount_discount,
    };
  });
  const sum = (amount: 'amount_subtotal' | 'amount_discount' | 'amount_total') =>
    lineItems.reduce((total, item) => total + item[amount], 0);
  const shipping = stored.session.shipping_options.find(
    ({ shipping_rate }) => shipping_rate === choice.shippingRate,
  );
  const amount_shipping = shipping?.shipping_amount ?? 0;
  const session: Session = {
    ...stored.session,
    amount_subtotal: sum('amount_subtotal'),
    amount_total: sum('amount_total') + amount_shipping,
    discounts: choice.promotionCode ? [{ coupon: null, promotion_code: choice.promotionCode.id }] : [],
    shipping_cost: shipping
      ? {
          amount_subtotal: amount_shipping,
          amount_tax: 0,
          amount_total: amount_shipping,
          shipping_rate: shipping.shipping_rate,
        }
      : null,
    total_details: { amount_discount: sum('amount_discount'), amount_shipping, amount_tax: 0 },
  };
  return { ...stored, session, lineItems };
}

function quantityOf(
  { quantity, adjustable_quantity }: StoredSession['lineItems'][number],
  wanted: number | undefined,
): number {
  const now = quantity ?? 1;
  if (wanted === undefined || !Number.isInteger(wanted) || !adjustable_quantity?.enabled) return now;
  const { minimum, maximum } = adjustable_quantity;
  return Math.min(Math.max(wanted, minimum ?? 0), maximum ?? 99);
}
