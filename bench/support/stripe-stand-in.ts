import { cartOf, checkoutOf } from '../../src/sandbox/carts.ts';
import { newLineItem, newSession, sessionParams } from '../../src/sandbox/session-object.ts';
import { announce } from '../rivals/announce.ts';

/**
 * Stripe's API as far as a worker calls it: GET /v1/checkout/sessions/:id with expanded line items. It keeps nothing:
 * every id that is asked for is a paid session of four items.
 */
const ID = 'cs_test_id';
const params = sessionParams.parse(checkoutOf(cartOf(1), 1));
const lineItems = params.line_items.slice(0, 4).map(newLineItem);
const [before, after] = JSON.stringify({
  ...newSession(params, lineItems),
  id: ID,
  status: 'complete',
  payment_status: 'paid',
  line_items: { object: 'list', data: lineItems, has_more: false, url: '/v1/checkout/sessions/line_items' },
}).split(ID) as [string, string];

announce((req, res) => {
  const [, id] = /^\/v1\/checkout\/sessions\/(cs_\w+)/.exec(req.url ?? '') ?? [];
  res.writeHead(id ? 200 : 404, { 'Content-Type': 'application/json', 'Request-Id': 'req_bench' });
  res.end(id ? `${before}${id}${after}` : '{"error":{"type":"invalid_request_error"}}');
});
