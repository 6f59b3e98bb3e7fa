import { z } from 'zod';

/** Shapes of what a person types, each with one sentence of what it must be. */

export function wholeNumber(min: number, max: number) {
  return z.coerce.number(`must be a whole number from ${min} to ${max}`).int().min(min).max(max);
}

export function oneOf<const T extends readonly string[]>(...values: T) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}
