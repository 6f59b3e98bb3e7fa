type Json = Record<string, unknown>;

/**
 * The answer of one of Stripe's lists, status and body: the newest object first, paged both ways, at most 100 in a page
 * (https://docs.stripe.com/api/pagination).
 */
export function listOf(
  objects: readonly Json[],
  query: URLSearchParams,
  wanted: (object: Json) => boolean,
): [number, Json] {
  const refuse = (message: string, param: string, code?: string): [number, Json] => [
    400,
    { error: { type: 'invalid_request_error', code, message, param } },
  ];
  const limit = Number(query.get('limit') ?? 10);
  if (!(limit >= 1 && limit <= 100)) return refuse('It must be between 1 and 100', 'limit');
  const all = objects.toReversed().toSorted((a, b) => Number(b.created) - Number(a.created));
  const [after, before] = [query.get('starting_after'), query.get('ending_before')];
  const id = after ?? before;
  const cursor = all.findIndex((object) => object.id === id);
  if (id !== null && cursor === -1)
    return refuse(`No such object: '${id}'`, after ? 'starting_after' : 'ending_before', 'resource_missing');
  const bound = (name: string, otherwise: number) => Number(query.get(`created[${name}]`) ?? otherwise);
  const isInTime = ({ created }: Json) =>
    Number(created) >= bound('gte', 0) &&
    Number(created) <= bound('lte', Number.POSITIVE_INFINITY) &&
    Number(created) < bound('lt', Number.POSITIVE_INFINITY);
  const side = after ? all.slice(cursor + 1) : before ? all.slice(0, cursor) : all;
  const rest = side.filter((object) => isInTime(object) && wanted(object));
  const data = before ? rest.slice(-limit) : rest.slice(0, limit);
  return [200, { object: 'list', url: '', data, has_more: rest.length > limit }];
}
