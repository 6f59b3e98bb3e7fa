import { z } from 'zod';
import { promotionCodes } from '../prices.ts';
import type { Session } from '../session-object.ts';
import type { Buyer } from '../sessions.ts';
import { type Trouble, troubleNames } from './trouble.ts';

/** What stands in the form of the checkout page, apart from what the session itself knows. */
export interface CheckoutForm {
  readonly buyer: Buyer;
  readonly trouble: Trouble;
}

export const emptyForm = ({ customer_email }: Session): CheckoutForm => ({
  buyer: {
    name: 'Jenny Rosen',
    email: customer_email ?? 'jenny.rosen@example.com',
    address: {
      line1: 'Torstraße 12',
      line2: null,
      postal_code: '10119',
      city: 'Berlin',
      state: null,
      country: 'DE',
    },
  },
  trouble: new Set(),
});

const text = z.string().trim().min(1).max(200);
const shape = z.object({
  action: z.enum(['update', 'card', 'bank']),
  seen_total: z.coerce.number().int(),
  code: z.string().trim().toUpperCase().max(50).default(''),
  shipping: z.string().nullable().default(null),
  trouble: z.preprocess((given) => [given ?? []].flat(), z.array(z.enum(troubleNames))),
  name: text,
  /** By the rule of the browser's own field, so that nothing is refused here which that has let through. */
  email: z.email({ pattern: z.regexes.html5Email }),
  line1: text,
  postal_code: text,
  city: text,
  country: z.string().length(2),
});

/** Null: it was not filled in. */
export function readCheckoutForm(body: unknown, { allow_promotion_codes }: Session) {
  const read = shape.safeParse(body ?? {});
  if (!read.success) return null;
  const { action, seen_total, code, shipping, trouble, name, email, ...address } = read.data;
  const taken = allow_promotion_codes ? promotionCodes : [];
  const promotionCode = taken.find((known) => known.code === code) ?? null;
  return {
    action,
    seenTotal: seen_total,
    choice: { quantities: quantitiesOf(body), promotionCode, shippingRate: shipping },
    unknownCode: code !== '' && promotionCode === null ? code : null,
    form: {
      buyer: { name, email, address: { ...address, line2: null, state: null } },
      trouble: new Set(trouble),
    } satisfies CheckoutForm,
  };
}

function quantitiesOf(body: unknown): Record<string, number> {
  const fields = Object.entries(body as Record<string, unknown>);
  return Object.fromEntries(
    fields.flatMap(([field, value]) => {
      const [, item] = /^quantity_(li_\w+)$/.exec(field) ?? [];
      return item ? [[item, Number(value)]] : [];
    }),
  );
}
