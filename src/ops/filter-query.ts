import { type OrderFilter, orderFilterShape, placeShape } from './order-filter.ts';

/** What a URL asks of the list of orders. `given` is as it stands there: the form shows it again, and links carry it on. */
export interface ListQuery {
  readonly given: Readonly<Record<string, string>>;
  readonly filter: OrderFilter;
  readonly after: string | null;
  /** What is wrong with which field. */
  readonly faults: Readonly<Record<string, string>>;
}

/** Nothing is listed then: a filter that is left out gives orders that nobody asked for. */
export function isFaulty({ faults }: ListQuery): boolean {
  return Object.keys(faults).length > 0;
}

/** Dates and times are meant in the zone of whoever wrote them. An empty field is none: forms send them so. */
export function readListQuery(query: Readonly<Record<string, unknown>>, zone: string): ListQuery {
  const shape = orderFilterShape(zone);
  const given = Object.fromEntries(
    Object.keys(shape.shape).flatMap((field) => {
      const text = query[field];
      return typeof text === 'string' && text.trim() !== '' ? [[field, text.trim()]] : [];
    }),
  );
  const parsed = shape.safeParse(given);
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
