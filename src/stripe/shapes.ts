import { z } from 'zod';

/** What is wrong and where, without the values: they may be a customer's. */
export function describeIssues(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`).join('; ');
}

/** Stripe's ids, types and other words: at most 255 characters (https://docs.stripe.com/upgrades#what-changes-does-stripe-consider-to-be-backward-compatible). */
export const word = z.string().regex(/^[\x20-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters');

/** Stripe's references: an id, or the object itself where it was expanded. */
export const reference = z
  .union([word, z.object({ id: word }).transform(({ id }) => id)])
  .nullish()
  .transform((id) => id ?? null);

/** Text as PostgreSQL can keep it: it has no U+0000 and no half surrogates. */
export const text = z
  .string()
  .nullish()
  .transform((value) => (value == null ? null : storable(value)));

/** Minor units of a currency. */
export const amount = z
  .int()
  .nullish()
  .transform((value) => value ?? null);

function storable(value: string): string {
  return value.toWellFormed().replaceAll('\0', '\uFFFD');
}

/** Deeper than any of Stripe's objects, and far from where recursion, here and in PostgreSQL, ends. */
const DEEPEST = 100;

/** Any JSON, made storable wherever it holds text. */
export const json = z
  .unknown()
  .optional()
  .transform((value, context) => {
    if (isWithin(DEEPEST, value)) return storableJson(value ?? null);
    context.addIssue(`is nested more than ${DEEPEST} levels deep`);
    return z.NEVER;
  });

function isWithin(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isWithin(levels - 1, inner));
}

function storableJson(value: unknown): unknown {
  if (typeof value === 'string') return storable(value);
  if (Array.isArray(value)) return value.map(storableJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [storable(key), storableJson(inner)]),
  );
}
