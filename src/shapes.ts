import { domainToASCII } from 'node:url';
import addressparser from 'nodemailer/lib/addressparser';
import { z } from 'zod';

/** Shapes of what a person types, each with one sentence of what it must be. */

export function wholeNumber(min: number, max: number) {
  return z.coerce.number(`must be a whole number from ${min} to ${max}`).int().min(min).max(max);
}

export function oneOf<const T extends readonly string[]>(...values: T) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

export const sender = z
  .string()
  .refine((text) => hostOf(text) !== null, 'must be one mail address, with or without a name');

/** One plain mail address: nothing in it reads as a second recipient or as another header. */
export const plainAddress = /^[^\s\p{C}"(),:;<>@[\\\]]+@([^\s\p{C}"'(),:;<>@[\\\]]+)$/u;

/** Of one mail address, with or without a name, in ASCII, as headers are. Null: the text is none, or has others beside it. */
export function hostOf(text: string): string | null {
  const [first, ...others] = addressparser(text, { flatten: true });
  const [, host = ''] = plainAddress.exec(first?.address ?? '') ?? [];
  return (others.length === 0 && domainToASCII(host)) || null;
}
