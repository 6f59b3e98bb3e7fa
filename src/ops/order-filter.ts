import { z } from 'zod';
import { minorUnits } from '../notifications/money.ts';
import { orderStatuses } from '../orders/status.ts';
import { oneOf } from '../shapes.ts';
import { idPattern } from '../stripe/shapes.ts';
import { LATE_MINUTES } from '../work/standing.ts';
import { momentShape, momentsIn } from './moment.ts';

/** A sum of money in minor units. Without its currency it is one that Stripe counts in hundredths, as nearly all are. */
const sum = z.string().transform((text, context) => {
  const [, major = '', currency] = /^(\d{1,12}(?:\.\d{1,3})?) ?([a-z]{3})?$/i.exec(text) ?? [];
  const minor = major === '' ? null : minorUnits(major, currency ?? 'usd');
  if (minor !== null) return { minor, currency: currency?.toLowerCase() ?? null };
  context.addIssue({ code: 'custom', message: 'must be like 64.98, "64.98 eur" or "500 jpy"' });
  return z.NEVER;
});

const id = (prefix: string) =>
  z.string().regex(idPattern(prefix), `must be an id that begins with ${prefix}_`);

export const fulfillmentStandings = ['pending', 'fulfilled', 'dead', 'stuck'] as const;

const words = z
  .string()
  .min(1, 'must not be empty')
  .max(500, 'must have 500 characters at most')
  .refine((text) => !text.includes('\0'), 'must hold no U+0000: PostgreSQL has none');

/**
 * What a list of orders can be narrowed to, as a person types it: after --options, or in a URL's query.
 * @param zone where dates are meant; that of this machine unless given
 */
export const orderFilterShape = (zone?: string) =>
  z.object({
    status: oneOf(...orderStatuses)
      .optional()
      .describe(`how it stands with its payment: ${orderStatuses.join(', ')}`),
    fulfillment: oneOf(...fulfillmentStandings)
      .optional()
      .describe(
        `how its fulfilment stands: ${fulfillmentStandings.join(', ')} (dead, or owed for more than ${LATE_MINUTES} minutes)`,
      ),
    email: words
      .optional()
      .describe("the customer's address, in any case; or how it begins: jenny, jenny@ex*"),
    since: momentShape(zone)
      .optional()
      .describe(`created since then: ${momentsIn(zone)}`),
    until: momentShape(zone).optional().describe('created before then'),
    reference: words.optional().describe("the shop's own reference, client_reference_id"),
    amount: sum.optional().describe('the total: 64.98, "64.98 eur", "500 jpy"'),
    session: id('cs').optional().describe('the checkout session'),
    event: id('evt').optional().describe('an event of its checkout session'),
  });

/** A place in the list: when the order there was created, in microseconds, and its id. */
export const placeShape = z.string().regex(/^\d{1,16}_\d{1,15}$/, 'must be what the page before ended with');

export type OrderFilter = z.infer<ReturnType<typeof orderFilterShape>>;
