import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerJson, serve } from './http.ts';

type Json = Record<string, unknown>;

export interface StripeApi {
  readonly url: string;
  /** `GET /v1/…` with its query, in order of arrival. */
  readonly requests: string[];
  /** Puts a session and its line items there. */
  keep(session: Json & { id: string }, items: readonly Json[]): void;
  /** Registered webhook endpoints. */
  endpoints: readonly Json[];
  /** Answers in place of the API, when it returns true. */
  fault: (req: IncomingMessage, res: ServerResponse) => boolean;
}

/** A line item as Stripe's API 2026-10-28 describes it. */
export function lineItem(n: number, overrides: Json = {}): Json & { id: string } {
  const [quantity, unit] = [1 + (n % 3), 1999];
  return {
    id: `li_${n}`,
    object: 'item',
    amount_discount: 0,
    amount_subtotal: quantity * unit,
    amount_tax: 0,
    amount_total: quantity * unit,
    currency: 'usd',
    description: `Mug No. ${n}`,
    price: {
      id: `price_${n}`,
      object: 'price',
      currency: 'usd',
      product: `prod_${n}`,
      type: 'one_time',
      unit_amount: unit,
    },
    quantity,
    ...overrides,
  };
}

/** Stripe's API as far as the service calls it: sessions, a session's line items page by page, endpoints. */
export async function startStripeApi(): Promise<StripeApi> {
  const kept = new Map<string, { session: Json; items: readonly Json[] }>();
  const requests: string[] = [];
  const api = {
    url: '',
    requests,
    endpoints: [] as readonly Json[],
    fault: (() => false) as StripeApi['fault'],
    keep: (session: Json & { id: string }, items: readonly Json[]) => {
      kept.set(session.id, { session, items });
    },
  };
  api.url = await serve((req, res) => {
    requests.push(`${req.method} ${req.url}`);
    if (api.fault(req, res)) return;
    const url = new URL(req.url ?? '', 'http://stripe');
    const lists: Record<string, readonly Json[]> = {
      '/v1/webhook_endpoints': api.endpoints,
      '/v1/checkout/sessions': [...kept.values()].map(({ session }) => session),
    };
    const list = lists[url.pathname];
    if (list) return answerJson(res, 200, page(url.pathname, list, url.searchParams));
    const [, id = '', rest] = /^\/v1\/checkout\/sessions\/([^/]+)(\/line_items)?$/.exec(url.pathname) ?? [];
    const found = kept.get(id);
    if (!found)
      return answerJson(res, 404, {
        error: {
          type: 'invalid_request_error',
          code: 'resource_missing',
          message: `No such checkout.session: ${id}`,
        },
      });
    const path = `/v1/checkout/sessions/${id}/line_items`;
    if (rest) return answerJson(res, 200, page(path, found.items, url.searchParams));
    const expanded = url.searchParams.getAll('expand[0]').includes('line_items');
    answerJson(res, 200, {
      ...found.session,
      ...(expanded && { line_items: page(path, found.items, new URLSearchParams()) }),
    });
  });
  return api;
}

function page(url: string, items: readonly Json[], query: URLSearchParams) {
  const limit = Number(query.get('limit') ?? 10);
  const after = query.get('starting_after');
  const start = after === null ? 0 : items.findIndex((item) => item.id === after) + 1;
  return {
    object: 'list',
    url,
    data: items.slice(start, start + limit),
    has_more: start + limit < items.length,
  };
}
