import { type OrderFilter, placeShape, readOrderFilter } from './order-filter.ts';

/** What a URL asks of the list of orders. `given` is as it stands there: the form shows it again, and links carry it on. */
export interface ListQuery {
  readonly given: Readonly<Record<string, string>>;
  readonly filter: OrderFilter;
  readonly after: string | null;
  /** What is wrong with which field; nothing is listed then. */
  readonly faults: Readonly<Record<string, string>>;
}

export const filterFields = [
  'status',
  'fulfillment',
  'email',
  'since',
  'until',
  'reference',
  'amount',
  'session',
  'event',
] as const;

/** Dates and times are meant in the zone of whoever wrote them. */
export function readListQuery(query: Readonly<Record<string, unknown>>, zone: string): ListQuery {
  const given = Object.fromEntries(
    filterFields.flatMap((field) => {
      const text = query[field];
      return typeof text === 'string' && text.trim() !== '' ? [[field, text.trim()]] : [];
    }),
  );
  const parsed = readOrderFilter(inZone(given, zone));
  const after = placeShape.optional().safeParse(query.after);
  return {
    given,
    filter: parsed.data ?? {},
    after: after.data ?? null,
    faults: Object.fromEntries(
      [
        ...(parsed.error?.issues ?? []),
        ...(after.error?.issues ?? []).map((issue) => ({ ...issue, path: ['after'] })),
      ].map(({ path, message }) => [String(path[0]), message]),
    ),
  };
}

/** A filter whose dates are instants. */
export function inZone(given: Readonly<Record<string, string>>, zone: string): Record<string, string> {
  return {
    ...given,
    ...(given.since && { since: instantOf(given.since, zone) }),
    ...(given.until && { until: instantOf(given.until, zone) }),
  };
}

/** `2026-11-25` or `2026-11-25T18:00` on the clocks of a zone, as an instant; anything else as it is. */
export function instantOf(text: string, zone: string): string {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d)?$/.test(text)) return text;
  const wall = Date.parse(text.length === 10 ? `${text}T00:00Z` : `${text}Z`);
  // What is no date, or older than any order.
  if (!(wall >= 0)) return text;
  // The offset at the first guess may be that of the other side of a change of the clocks.
  const guess = wall - offsetAt(wall, zone);
  return new Date(wall - offsetAt(guess, zone)).toISOString();
}

/** How far the zone's clocks are ahead of UTC, in milliseconds. */
function offsetAt(instant: number, timeZone: string): number {
  const clock = new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  return Date.parse(`${clock.format(instant).replace(' ', 'T')}Z`) - Math.floor(instant / 1_000) * 1_000;
}
