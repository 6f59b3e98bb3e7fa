import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerJson, serve } from './http.ts';
import { listOf } from './stripe-lists.ts';

type Json = Record<string, unknown>;

type Fault = (req: IncomingMessage, res: ServerResponse) => boolean;

export interface StripeApi {
  readonly url: string;
  /** `GET /v1/…` with its query, in order of arrival. */
  readonly requests: string[];
  /** Puts a session and its line items there. */
  keep(session: Json & { id: string }, items: readonly Json[]): void;
  /** Registered webhook endpoints. */
  endpoints: readonly Json[];
  /** Puts an event there. `delivered` is what its list is filtered by. */
  keepEvent(event: Json & { id: string }, delivered?: boolean): void;
  /** Begins anew: nothing was ever sold. */
  forget(): void;
  /** Answers in place of the API, when it returns true. */
  fault: Fault;
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

/** Stripe's API as far as the service calls it: sessions, their line items, events and endpoints, page by page. */
export async function startStripeApi(): Promise<StripeApi> {
  const kept = new Map<string, { session: Json; items: readonly Json[] }>();
  const events = new Map<string, { event: Json; delivered: boolean }>();
  const requests: string[] = [];

  function answerTo({ pathname, searchParams: query }: URL): [status: number, body: Json] {
    if (pathname === '/v1/webhook_endpoints') return [200, page(pathname, api.endpoints, query)];
    if (pathname === '/v1/events') {
      const types = [...query].filter(([name]) => name.startsWith('types[')).map(([, type]) => type);
      const success = query.get('delivery_success');
      const wanted = ({ id, type }: Json) =>
        types.includes(type as string) &&
        (success === null || success === String(events.get(id as string)?.delivered));
      const all = [...events.values()].map(({ event }) => event);
      return listOf(all, query, wanted);
    }
    if (pathname === '/v1/checkout/sessions') {
      const wanted = (session: Json) =>
        ['status', 'payment_intent', 'subscription'].every(
          (name) => !query.has(name) || session[name] === query.get(name),
        );
      const all = [...kept.values()].map(({ session }) => session);
      return listOf(all, query, wanted);
    }
    const [, id = '', rest] = /^\/v1\/checkout\/sessions\/([^/]+)(\/line_items)?$/.exec(pathname) ?? [];
    const found = kept.get(id);
    const message = `No such checkout.session: ${id}`;
    const missing = { type: 'invalid_request_error', code: 'resource_missing', message };
    if (!found) return [404, { error: missing }];
    const path = `/v1/checkout/sessions/${id}/line_items`;
    if (rest) return [200, page(path, found.items, query)];
    if (query.get('expand[0]') !== 'line_items') return [200, found.session];
    return [200, { ...found.session, line_items: page(path, found.items, new URLSearchParams()) }];
  }

  const api: StripeApi = {
    url: await serve((req, res) => {
      requests.push(`${req.method} ${req.url}`);
      if (!api.fault(req, res)) answerJson(res, ...answerTo(new URL(req.url ?? '', 'http://stripe')));
    }),
    requests,
    endpoints: [],
    fault: () => false,
    keep(session, items) {
      kept.set(session.id, { session, items });
    },
    keepEvent(event, delivered = false) {
      events.set(event.id, { event, delivered });
    },
    forget() {
      kept.clear();
      events.clear();
      requests.length = 0;
      api.fault = () => false;
    },
  };
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

/** What a restricted key may not read: the paths that begin so. */
export function forbidden(path: string, message = 'not for this key'): Fault {
  return ({ url = '' }, res) => {
    if (!url.startsWith(path)) return false;
    answerJson(res, 403, { error: { type: 'invalid_request_error', message } });
    return true;
  };
}
