import { announce } from '../support/announce.ts';
import { SESSION_ID, sessionOf } from '../support/events.ts';

/** Stripe's API as cheap as it gets: it knows every session, each is paid and has the same three line items. */
const { session, lineItems } = sessionOf(0);
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
