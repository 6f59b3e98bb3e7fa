import { oneLine } from '../one-line.ts';
import type { LineItem, Order } from '../orders/order.ts';
import type { OrderWithItems } from '../orders/store.ts';
import { asHtml, asText, type Letter, type Row } from './letter.ts';
import type { Mail } from './mail.ts';
import { formatAmount, presentmentOf } from './money.ts';
import { sumsOf } from './sums.ts';

export interface Shop {
  readonly name: string;
  readonly url: string | null;
}

export type Message = Omit<Mail, 'to' | 'messageId'>;

export function orderPaid({ order, lineItems, shop }: OrderWithItems & { shop: Shop }): Message {
  const nothingToPay = order.payment_status === 'no_payment_required' || order.amount_total === 0;
  const charged = nothingToPay ? null : presentmentOf(order.presentment_details);
  return message(order, shop, {
    subject: `Your order ${referenceOf(order)} at ${shop.name}`,
    title: 'Thank you for your order',
    paragraphs: [
      nothingToPay
        ? 'Your order is confirmed. There is nothing to pay today.'
        : 'We have received your payment. This is your receipt.',
      ...(charged === null ? [] : [`You were charged ${charged}, in the currency that you paid in.`]),
    ],
    items: lineItems.map(itemRow),
    sums: sumsOf(order).map(({ label, amount, currency }) => ({
      label,
      amount: formatAmount(amount, currency),
    })),
    closing: 'We look forward to seeing you again!',
  });
}

/** Where the money came after all before this could be said, nobody is asked to order again. */
export function paymentFailed({ order, shop }: { order: Order; shop: Shop }): Message {
  if (order.status === 'paid') return paidSince(order, shop);
  return message(order, shop, {
    subject: `The payment for your order ${referenceOf(order)} at ${shop.name} did not go through`,
    title: 'Your payment did not go through',
    paragraphs: [
      'The payment did not go through and your order was not placed.',
      'If you still want it, please place a new order.',
    ],
    link: shop.url === null ? null : { label: 'Place a new order', url: shop.url },
    closing: 'We are sorry for the trouble.',
  });
}

function paidSince(order: Order, shop: Shop): Message {
  return message(order, shop, {
    subject: `Your order ${referenceOf(order)} at ${shop.name} is paid`,
    title: 'Your order is paid',
    paragraphs: [
      'A first payment for your order did not go through, but we have received it since.',
      'There is nothing left for you to do.',
    ],
    closing: 'Thank you for your order!',
  });
}

type Words = Pick<Message, 'subject'> & Omit<Letter, 'from' | 'reference'>;

function message(order: Order, shop: Shop, { subject, paragraphs, ...words }: Words): Message {
  const letter: Letter = {
    ...words,
    from: shop.name,
    reference: `Order ${referenceOf(order)}`,
    paragraphs: [greeting(order.customer_name), ...paragraphs],
  };
  return { subject: oneLine(subject), text: asText(letter), html: asHtml(letter) };
}

function referenceOf(order: Order): string {
  return oneLine(order.client_reference_id ?? '') || String(order.id);
}

/**
 * Anyone can start a checkout with a stranger's address and an advertisement for a name, and a payment
 * that fails costs nothing. What is too long for a name, or what mail clients would make a link of, is
 * not repeated to the stranger.
 */
function greeting(customerName: string | null): string {
  const name = oneLine(customerName ?? '');
  const presentable = name !== '' && name.length <= 60 && !/[/:@]|\.[\p{L}\p{N}]{2}/u.test(name);
  return presentable ? `Hello ${name},` : 'Hello,';
}

function itemRow({ quantity, description, amount_subtotal, currency }: LineItem): Row {
  const name = oneLine(description ?? '') || 'Item';
  return {
    label: quantity === null ? name : `${quantity} × ${name}`,
    amount: formatAmount(amount_subtotal, currency),
  };
}
