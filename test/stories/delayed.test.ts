import { expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { openShop } from '../support/shop.ts';
import { events } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const shop = await openShop();

test('a bank debit that succeeds: awaiting payment first, fulfilled when the money is there', async () => {
  const session = shop.checkout();
  expect(await shop.service.deliver(events.completedUnpaid(session))).toBe(200);
  const waiting = await shop.rowsOf(session.id);
  expect(waiting.order).toMatchObject({
    status: 'awaiting_payment',
    payment_status: 'unpaid',
    paid_at: null,
  });
  expect([waiting.fulfillments, waiting.notifications]).toEqual([[], []]);

  const succeeded = events.asyncSucceeded(session);
  expect(await shop.service.deliver(succeeded)).toBe(200);
  const { order, transitions, fulfillments } = await shop.atRest(session.id);
  expect(order).toMatchObject({ id: waiting.order.id, status: 'paid', payment_status: 'paid' });
  expect(transitions).toMatchObject([
    { from_status: null, to_status: 'awaiting_payment' },
    { from_status: 'awaiting_payment', to_status: 'paid', event_id: succeeded.id },
  ]);
  expect(fulfillments).toMatchObject([{ status: 'fulfilled', event_id: succeeded.id }]);
  expect(shop.receiver.calls.filter(({ id }) => id === session.id)).toHaveLength(1);
});

test('a bank debit that fails: nothing is fulfilled, and the customer is told once', async () => {
  const session = shop.checkout({ payment_status: 'unpaid' });
  await shop.service.deliver(events.completedUnpaid(session));
  const failed = events.asyncFailed(session);
  for (const event of [failed, failed, events.asyncFailed(session)])
    expect(await shop.service.deliver(event)).toBe(200);

  const { order, fulfillments, notifications } = await shop.atRest(session.id);
  expect(order).toMatchObject({ status: 'failed', paid_at: null, failed_at: expect.any(Date) });
  expect(fulfillments).toEqual([]);
  expect(notifications).toMatchObject([{ kind: 'payment_failed', status: 'sent' }]);
  expect(shop.receiver.calls.filter(({ id }) => id === session.id)).toEqual([]);

  const sent = (await shop.mails()).filter((mail) => mail.includes(`payment-failed.${session.id}`));
  expect(sent).toHaveLength(1);
  const mail = await simpleParser(sent[0] ?? '');
  expect(mail.text).toContain('did not go through');
  expect(mail.text).toContain('https://mugs.example');
});

test('a bank debit that fails, of a customer without an address: a person is told at once', async () => {
  const session = shop.checkout({ payment_status: 'unpaid', customer_details: null });
  await shop.service.deliver(events.asyncFailed(session));
  const { notifications } = await shop.atRest(session.id);
  expect(notifications).toMatchObject([
    { status: 'dead', attempts: 1, last_error: 'the order has no customer_email to write to' },
  ]);
});

test('a failure that arrives after the payment is kept as a conflict and changes nothing', async () => {
  const session = shop.checkout();
  await shop.service.deliver(events.completedPaid(session));
  const before = await shop.atRest(session.id);
  const failure = events.asyncFailed(session);
  expect(await shop.service.deliver(failure)).toBe(200);
  const { events: kept, ...after } = await shop.rowsOf(session.id);
  expect(kept.at(-1)).toMatchObject({ id: failure.id, outcome: 'conflict' });
  expect({ ...after, events: before.events }).toEqual(before);
});

test('somebody moves an order to paid by hand: it is fulfilled as well', async () => {
  const session = shop.checkout();
  await shop.service.deliver(events.completedUnpaid(session));
  await shop
    .db('orders')
    .where({ checkout_session_id: session.id })
    .update({ status: 'paid', paid_at: shop.db.fn.now() });
  const { fulfillments } = await shop.atRest(session.id);
  expect(fulfillments).toMatchObject([{ status: 'fulfilled', event_id: null }]);
});

test('a failure and then the payment: the customer has had word of both', async () => {
  const session = shop.checkout();
  await shop.service.deliver(events.asyncFailed(session));
  await shop.service.deliver(events.asyncSucceeded(session));
  const { order, fulfillments } = await shop.atRest(session.id);
  expect([order.status, fulfillments.length]).toEqual(['paid', 1]);
  const { notifications } = await until('both mails are sent', async () => {
    const rows = await shop.rowsOf(session.id);
    return (
      rows.notifications.length === 2 && rows.notifications.every(({ status }) => status === 'sent') && rows
    );
  });
  expect(notifications.map(({ kind }) => kind).sort()).toEqual(['order_paid', 'payment_failed']);
});
