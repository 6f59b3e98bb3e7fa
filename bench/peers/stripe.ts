import { checkoutOf } from '../../src/sandbox/carts.ts';
import { newLineItem, newSession } from '../../src/sandbox/session-object.ts';
import { sessionParams } from '../../src/sandbox/session-params.ts';
import { announce } from '../support/announce.ts';

/** Stripe's API as cheap as it gets: it knows every session, each is paid and has the same three line items. */
const ITEMS = 3;
const SESSION_ID = /cs_test_a1\w{56}/;

const cart = {
  buyer: {
    name: 'Jenny Rosen',
    email: 'jenny.rosen@example.com',
    address: {
      city: 'San Francisco',
      country: 'US',
      line1: '510 Townsend St',
      line2: null,
      postal_code: '94103',
      state: 'CA',
    },
  },
  currency: 'usd' as const,
  items: Array.from({ length: ITEMS }, (_, n) => ({
    name: `Mug No. ${n}`,
    unitAmount: 1_999,
    quantity: 1 + n,
  })),
};
const params = sessionParams.parse(checkoutOf(cart, 0));
const lineItems = params.line_items.map(newLineItem);
const session = newSession(params, lineItems);
const url = `/v1/checkout/sessions/${session.id}/line_items`;
const paid = {
  ...session,
  status: 'complete',
  payment_status: 'paid',
  line_items: { object: 'list', data: lineItems, has_more: false, url },
};
// Indented, as Stripe answers.
const [before = '', between = '', after = ''] = JSON.stringify(paid, null, 2).split(SESSION_ID);

announce((req, res) => {
  const [id = ''] = SESSION_ID.exec(req.url ?? '') ?? [];
  const body = `${before}${id}${between}${id}${after}`;
  res
    .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body);
});
