import { expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { openShop } from '../support/shop.ts';
import { events } from '../support/stripe-events.ts';

const shop = await openShop();

test('a customer pays by card: the shop is told once, with all items, and the customer has a receipt', async () => {
  const session = shop.checkout();
  const event = events.completedPaid(session);
  expect(await shop.service.deliver(event)).toBe(200);
  const { order, transitions, lineItems, fulfillments, notifications } = await shop.atRest(session.id);

  expect(order).toMatchObject({ status: 'paid', amount_total: 6498, customer_email: 'jenny@example.com' });
  expect(transitions).toMatchObject([
    { from_status: null, to_status: 'paid', event_id: event.id, source: 'webhook' },
  ]);
  expect(lineItems).toMatchObject([
    {
      position: 0,
      stripe_line_item_id: 'li_0',
      price_id: 'price_0',
      product_id: 'prod_0',
      quantity: 1,
      unit_amount: 1999,
      amount_total: 1999,
      currency: 'usd',
    },
    { position: 1, stripe_line_item_id: 'li_1', quantity: 2, unit_amount: 1999, amount_subtotal: 3998 },
  ]);
  expect(fulfillments).toMatchObject([
    { status: 'fulfilled', attempts: 1, event_id: event.id, last_error: null },
  ]);
  expect(notifications).toMatchObject([{ kind: 'order_paid', status: 'sent', attempts: 1 }]);

  expect(shop.receiver.calls).toHaveLength(1);
  const [call] = shop.receiver.calls;
  expect(call).toMatchObject({ id: session.id, idempotencyKey: session.id });
  expect(call?.body).toMatchObject({
    type: 'order.paid',
    timestamp: order.paid_at.toISOString(),
    data: {
      order: {
        id: order.id,
        checkout_session_id: session.id,
        status: 'paid',
        amount_total: 6498,
        metadata: { cart: '2041' },
      },
      line_items: [{ stripe_line_item_id: 'li_0' }, { stripe_line_item_id: 'li_1' }],
    },
  });

  const [receipt = ''] = await shop.mails();
  const mail = await simpleParser(receipt);
  expect(mail.text).toContain('$64.98');
  expect(mail.text).toContain('Mug No. 1');
  expect(mail.html).toContain('Mug No. 1');
  expect(receipt).toContain('To: jenny@example.com');
});

test('250 line items come through, in order, over three pages', async () => {
  const session = shop.checkout({}, 250);
  await shop.service.deliver(events.completedPaid(session));
  const { lineItems } = await shop.atRest(session.id);
  const ids = Array.from({ length: 250 }, (_, n) => `li_${n}`);
  expect(lineItems.map((item) => item.stripe_line_item_id)).toEqual(ids);
  const call = shop.receiver.calls.find(({ id }) => id === session.id);
  expect(call?.body.data.line_items.map((item) => item.stripe_line_item_id)).toEqual(ids);
});

test('a free order is fulfilled as a paid one', async () => {
  const session = shop.checkout({ payment_status: 'no_payment_required', amount_total: 0 });
  await shop.service.deliver(events.completedFree(session));
  const { order, fulfillments } = await shop.atRest(session.id);
  expect(order).toMatchObject({ status: 'paid', payment_status: 'no_payment_required', amount_total: 0 });
  expect(fulfillments).toMatchObject([{ status: 'fulfilled' }]);
});

test('a session that only sets up a payment method makes no order', async () => {
  const session = shop.checkout({ mode: 'setup', payment_status: 'no_payment_required', amount_total: null });
  expect(await shop.service.deliver(events.completedFree({ ...session, mode: 'setup' }))).toBe(200);
  const { order, events: kept } = await shop.rowsOf(session.id);
  expect([order, kept.map(({ outcome }) => outcome)]).toEqual([undefined, ['ignored']]);
});
