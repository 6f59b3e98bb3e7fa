import { z } from 'zod';

const metadata = z.record(z.string().max(40), z.string().max(500));

/** What the stand-in takes of https://docs.stripe.com/api/checkout/sessions/create. Anything else is refused, as Stripe would. */
export const sessionParams = z.strictObject({
  mode: z.literal('payment'),
  line_items: z
    .array(
      z.strictObject({
        price_data: z.strictObject({
          currency: z.string().length(3).toLowerCase(),
          unit_amount: z.coerce.number().int().min(0).max(99_999_999),
          // Of these, a line item has the name alone.
          product_data: z.strictObject({
            name: z.string().min(1),
            description: z.string().min(1).optional(),
            images: z.array(z.url()).max(8).optional(),
            metadata: metadata.optional(),
          }),
        }),
        quantity: z.coerce.number().int().min(1),
        adjustable_quantity: z
          .strictObject({
            enabled: z.stringbool(),
            minimum: z.coerce.number().int().min(0).max(999_999).default(0),
            maximum: z.coerce.number().int().min(1).max(999_999).default(99),
          })
          .optional(),
        metadata: metadata.default({}),
      }),
    )
    .min(1)
    .refine(
      ([first, ...rest]) => rest.every((item) => item.price_data.currency === first?.price_data.currency),
      'All line items must have the same currency',
    ),
  success_url: z.url(),
  cancel_url: z.url().optional(),
  allow_promotion_codes: z.stringbool().optional(),
  customer_email: z.email().optional(),
  client_reference_id: z.string().max(200).optional(),
  metadata: metadata.default({}),
  shipping_address_collection: z
    .strictObject({ allowed_countries: z.array(z.string().length(2)).min(1) })
    .optional(),
  shipping_options: z
    .array(
      z.strictObject({
        shipping_rate_data: z.strictObject({
          display_name: z.string().min(1).max(100),
          type: z.literal('fixed_amount'),
          fixed_amount: z.strictObject({
            amount: z.coerce.number().int().min(0),
            currency: z.string().length(3).toLowerCase(),
          }),
        }),
      }),
    )
    .max(5)
    .default([]),
});

export type SessionParams = z.infer<typeof sessionParams>;
