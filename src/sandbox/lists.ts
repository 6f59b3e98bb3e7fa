import { z } from 'zod';
import type { Listed } from '../stripe/lists.ts';
import { Refusal } from './refusal.ts';

const time = z.coerce.number().int();
/** What every list of Stripe's API takes: https://docs.stripe.com/api/pagination */
export const pageParams = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(10),
  starting_after: z.string().optional(),
  ending_before: z.string().optional(),
});
type Paging = z.infer<typeof pageParams>;

/** When the objects of a page were made, in seconds: within bounds, or at that very second. */
export const created = z.preprocess(
  (when) => (typeof when === 'string' ? { gte: when, lte: when } : when),
  z.strictObject({ gt: time, gte: time, lt: time, lte: time }).partial().default({}),
);

/** In the order of Stripe's lists. */
export function newestFirst<T extends Listed>(objects: readonly T[]): T[] {
  return objects.toSorted((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1));
}

export function isWithin({ gt, gte, lt, lte }: z.infer<typeof created>, { created: at }: Listed): boolean {
  return !(at <= (gt ?? -1) || at < (gte ?? 0) || at >= (lt ?? Infinity) || at > (lte ?? Infinity));
}

/**
 * A page of those objects that are `wanted`: the first ones after an object, the last ones before one, or else the first
 * ones. The object may be any of them all.
 */
export function pageOf<T extends { readonly id: string }>(
  url: string,
  all: readonly T[],
  { limit, starting_after, ending_before }: Paging,
  wanted: (object: T) => boolean = () => true,
) {
  const at = (id: string, param: keyof Paging) => {
    const index = all.findIndex((object) => object.id === id);
    if (index >= 0) return index;
    throw new Refusal(400, `No such object: '${id}'`, { code: 'resource_missing', param });
  };
  const begin = starting_after === undefined ? 0 : at(starting_after, 'starting_after') + 1;
  const end = ending_before === undefined ? all.length : at(ending_before, 'ending_before');
  const rest = all.slice(begin, end).filter(wanted);
  const data = ending_before === undefined ? rest.slice(0, limit) : rest.slice(-limit);
  return { object: 'list', data, has_more: rest.length > limit, url };
}
