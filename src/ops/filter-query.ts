import { type OrderFilter, orderFilterShape, placeShape } from './order-filter.ts';

/** What a URL asks of the list of orders. `given` is as it stands there: the form shows it again, and links carry it on. */
export interface ListQuery {
  readonly given: Readonly<Record<string, string>>;
  readonly filter: OrderFilter;
  readonly after: string | null;
  /** What is wrong with which field; nothing is listed then. */
  readonly faults: Readonly<Record<string, string>>;
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
