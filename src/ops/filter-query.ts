import { type OrderFilter, orderFilterShape, placeShape } from './order-filter.ts';

/** What a URL asks of the list of orders. `given` is as it stands there: the form shows it again, and links carry it on. */
export interface ListQuery {
  readonly given: Readonly<Record<string, string>>;
  readonly filter: OrderFilter;
  readonly after: string | null;
  /** By field: what is wrong with it, or that there is no such filter. */
  readonly faults: Readonly<Record<string, string>>;
}

/** Then nothing is listed: without the faulty filter there would be orders that nobody asked for. */
export function isFaulty({ faults }: ListQuery): boolean {
  return Object.keys(faults).length > 0;
}

/**
 * Dates and times are meant in the zone of whoever wrote them. An empty field is none: forms send them so. One that is given
 * twice is read as both with a comma between them, and not left out.
 */
export function readListQuery(query: Readonly<Record<string, unknown>>, zone: string): ListQuery {
  const shape = orderFilterShape(zone).extend({ after: placeShape.optional() });
  const fields: Record<string, string> = Object.fromEntries(
    Object.keys(shape.shape)
      .map((field) => [field, String(query[field] ?? '').trim()])
      .filter(([, text]) => text !== ''),
  );
  const parsed = shape.safeParse(fields);
  const { after: _, ...given } = fields;
  const { after = null, ...filter } = parsed.data ?? {};
  const faults = (parsed.error?.issues ?? []).map(({ path, message }) => [String(path[0]), message]);
  const unknown = Object.keys(query).filter((name) => !Object.hasOwn(shape.shape, name));
  const nameless = unknown.map((name) => [name, `There is no filter called ${name}.`]);
  return { given, filter, after, faults: Object.fromEntries([...faults, ...nameless]) };
}
