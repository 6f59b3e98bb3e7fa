import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Message, orderPaid, paymentFailed } from '../../src/notifications/messages.ts';
import type { LineItem, Order } from '../../src/orders/order.ts';

const shop = { name: 'Acme', url: 'https://shop.example/?a=1&b=2' };

const order: Order = {
  id: 4711,
  status: 'paid',
  checkout_session_id: 'cs_test_1',
  account: null,
  payment_status: 'paid',
  mode: 'payment',
  livemode: false,
  currency: 'usd',
  amount_subtotal: 5000,
  amount_total: 5800,
  customer_id: null,
  customer_email: 'jenny@example.com',
  customer_name: 'Jenny Rosen',
  client_reference_id: 'A-17',
  payment_intent_id: 'pi_1',
  payment_link_id: null,
  shipping_details: null,
  custom_fields: [],
  total_details: { amount_discount: 250, amount_shipping: 700, amount_tax: 350 },
  metadata: {},
  customer_phone: null,
  subscription_id: null,
  shipping_cost: null,
  presentment_details: null,
  created_at: new Date(0),
  updated_at: new Date(0),
  paid_at: new Date(0),
  failed_at: null,
};
const unpaid: Order = {
  ...order,
  status: 'failed',
  payment_status: 'unpaid',
  paid_at: null,
  failed_at: order.paid_at,
};

const mug: LineItem = {
  stripe_line_item_id: 'li_1',
  position: 0,
  price_id: 'price_1',
  product_id: 'prod_1',
  description: 'Blue mug',
  quantity: 2,
  unit_amount: 2500,
  amount_subtotal: 5000,
  amount_discount: 250,
  amount_tax: 350,
  amount_total: 5100,
  currency: 'usd',
  metadata: null,
};

const receipt = (changed: Partial<Order> = {}, ...lineItems: LineItem[]) =>
  orderPaid({ order: { ...order, ...changed }, lineItems, shop });

const entities: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&quot;': '"',
  '&#39;': "'",
};

/** What the HTML says, cell by cell, once its tags are gone and its entities are read. */
const words = ({ html }: Message) =>
  html
    .split(/<[^>]*>/)
    .map((text) => text.replace(/&[^;]+;/g, (entity) => entities[entity] ?? entity).trim())
    .filter((text) => text !== '');

describe('the mail for a paid order', () => {
  test('names what was charged in another currency', () => {
    const presentment_details = { presentment_amount: 5_123, presentment_currency: 'eur' };
    const { text } = receipt({ presentment_details }, mug);
    expect(text).toContain('You were charged €51.23, in the currency that you paid in.');
    expect(text).toContain('Total: $58.00');
    expect(receipt({ presentment_details: { presentment_currency: 'x' } }, mug).text).not.toContain(
      'charged',
    );
  });

  test('goes out where a currency is none that the runtime knows how to write', () => {
    const presentment_details = { presentment_amount: 5_123, presentment_currency: 'points' };
    const { text } = receipt({ currency: 'usdc', presentment_details }, { ...mug, currency: 'usdc' });
    expect(text).toContain('You were charged 51.23 points, in the currency that you paid in.');
    expect(text).toContain('2 × Blue mug: 50.00 usdc');
    expect(text).toContain('Total: 58.00 usdc');
  });

  test('names no charge where there is nothing to pay, as in the trial of a subscription', () => {
    const presentment_details = { presentment_amount: 0, presentment_currency: 'eur' };
    const { text } = receipt({ amount_total: 0, presentment_details }, mug);
    expect(text).toContain('There is nothing to pay today.');
    expect(text).not.toContain('charged');
  });

  test('is a receipt: every item and everything between their prices and the total', () => {
    const mail = receipt({}, mug, { ...mug, description: 'Tea towel', quantity: 1, amount_subtotal: 0 });

    expect(mail.subject).toBe('Your order A-17 at Acme');
    expect(mail.text).toBe(`Thank you for your order
Order A-17

Hello Jenny Rosen,

We have received your payment. This is your receipt.

2 × Blue mug: $50.00
1 × Tea towel: $0.00

Discount: -$2.50
Shipping: $7.00
Tax: $3.50
Total: $58.00

We look forward to seeing you again!
Acme
`);
    expect(words(mail).join('|')).toContain(
      '|2 × Blue mug|$50.00|1 × Tea towel|$0.00|Discount|-$2.50|Shipping|$7.00|Tax|$3.50|Total|$58.00|',
    );
  });

  test('names no sum that is zero or unknown', () => {
    for (const total_details of [
      null,
      'odd',
      {},
      { amount_discount: 0, amount_shipping: null, amount_tax: 0 },
    ]) {
      const { text } = receipt({ total_details }, mug);
      expect(text).toContain('Total: $58.00');
      expect(text).not.toMatch(/Discount|Shipping|Tax/);
    }
  });

  test('says when the tax is in the prices already', () => {
    const total_details = { amount_discount: 0, amount_shipping: 0, amount_tax: 798 };
    expect(receipt({ amount_total: 5000, total_details }, mug).text).toContain('Tax (included): $7.98');
  });

  test('names the tax that is included apart from what is added, where prices have it either way', () => {
    const total_details = { amount_discount: 0, amount_shipping: 0, amount_tax: 267 };
    const { text } = receipt({ amount_subtotal: 3000, amount_total: 3100, total_details });
    expect(text).toContain('Tax: $1.00\nTax (included): $1.67\nTotal: $31.00');
  });

  test('adds up, however its tax is', () => {
    const cents = fc.nat(1_000_000);
    fc.assert(
      fc.property(
        fc.array(cents, { minLength: 1, maxLength: 5 }),
        cents,
        cents,
        cents,
        cents,
        (prices, discount, shipping, added, included) => {
          const subtotal = prices.reduce((sum, price) => sum + price, 0);
          const amount_discount = Math.min(discount, subtotal);
          const total_details = {
            amount_discount,
            amount_shipping: shipping,
            amount_tax: added + included,
          };
          const amount_total = subtotal - amount_discount + shipping + added;
          const items = prices.map((amount_subtotal) => ({ ...mug, amount_subtotal }));
          const { text } = receipt({ amount_subtotal: subtotal, amount_total, total_details }, ...items);
          const rows = [...text.matchAll(/^(.+): (-?)\$([\d,.]+)$/gm)].map(
            ([, label = '', sign, amount = '']) =>
              [label, Number(`${sign}${amount.replace(/[,.]/g, '')}`)] as const,
          );
          const shown = rows.filter(([label]) => !['Total', 'Tax (included)'].includes(label));
          expect(shown.reduce((sum, [, amount]) => sum + amount, 0)).toBe(amount_total);
          expect(rows.at(-1)).toEqual(['Total', amount_total]);
          expect(new Map(rows).get('Tax (included)') ?? 0).toBe(included);
        },
      ),
    );
  });

  test('speaks of no payment where there was none', () => {
    const free = { amount_total: 0, total_details: { amount_discount: 5000 } };
    for (const payment_status of ['no_payment_required', 'paid'] as const) {
      const { text } = receipt({ ...free, payment_status }, mug);
      expect(text).toContain('Your order is confirmed. There is nothing to pay today.');
      expect(text).toContain('Discount: -$50.00\nTotal: $0.00');
      expect(text).not.toContain('payment');
    }
    // A lean session may leave its amounts out.
    const { text } = receipt({ amount_total: null, payment_status: 'no_payment_required' }, mug);
    expect(text).toContain('There is nothing to pay today.');
  });

  test('makes do with what a session may lack', () => {
    const { text, html } = receipt(
      { client_reference_id: null, customer_name: null, currency: null, amount_total: null },
      { ...mug, description: null, quantity: null },
    );
    expect(text).toMatch(/^Order 4711\n\nHello,$/m);
    expect(text).toContain('\nItem: $50.00\n');
    expect(text + html).not.toMatch(/Total|null|NaN|undefined/);
    expect(receipt().html).toContain('Total');
    expect(receipt({ amount_total: null }).html).not.toContain('<table');
  });
});

describe('the mail for a failed payment', () => {
  test('says what happened and what to do, and leads back to the shop', () => {
    const mail = paymentFailed({ order: unpaid, shop });
    expect(mail.subject).toBe('The payment for your order A-17 at Acme did not go through');
    expect(mail.text).toContain('The payment did not go through and your order was not placed.');
    expect(mail.text).toContain('Place a new order: https://shop.example/?a=1&b=2');
    expect(mail.html).toContain('href="https://shop.example/?a=1&amp;b=2"');
    expect(words(mail)).toContain('Place a new order');
  });

  test('has no link where the shop has no address', () => {
    const mail = paymentFailed({ order: unpaid, shop: { ...shop, url: null } });
    expect(mail.text).toContain('please place a new order.');
    expect(mail.html).not.toContain('<a');
  });

  test('asks nobody to order again what has been paid since', () => {
    const mail = paymentFailed({ order, shop });
    expect(mail.subject).toBe('Your order A-17 at Acme is paid');
    expect(mail.text).toContain('did not go through, but we have received it since.');
    expect(mail.text).not.toContain('new order');
    expect(mail.html).not.toContain('<a');
  });
});

describe('words from outside', () => {
  const tags = ({ html }: Message) => html.match(/<[^>]*>?/g);
  const hostile = fc.string({
    unit: fc.oneof(fc.constantFrom(...'<>&"\'/!-=;#\r\n', '<script>', '\u202e', '\u2028'), fc.string()),
  });

  test('never become markup, and are read as they were written', () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, (customer_name, client_reference_id, description) => {
        const item = { ...mug, description };
        const mail = receipt({ customer_name, client_reference_id }, item);
        const failed = paymentFailed({ order: { ...unpaid, customer_name, client_reference_id }, shop });
        expect(tags(mail)).toEqual(tags(receipt({}, mug)));
        expect(tags(failed)).toEqual(tags(paymentFailed({ order: unpaid, shop })));
        for (const line of mail.text.split('\n').filter((line) => line !== '')) {
          // The HTML has label and amount in cells of their own, where the text has `label: amount`.
          expect(words(mail).join(': ')).toContain(line);
        }
      }),
    );
  });

  test('begin no new line, in the subject or elsewhere, and turn nothing around', () => {
    fc.assert(
      fc.property(hostile, hostile, (customer_name, client_reference_id) => {
        const { subject, text } = receipt({ customer_name, client_reference_id }, mug);
        expect(subject + text).not.toMatch(/[\r\u2028\u202e]/);
        expect(subject).not.toContain('\n');
        expect(text.split('\n')).toHaveLength(receipt({}, mug).text.split('\n').length);
      }),
    );
  });

  test('begin no new header with the name of the shop either', () => {
    const { subject } = orderPaid({ order, lineItems: [], shop: { name: 'Ac\r\nBcc: me', url: null } });
    expect(subject).toBe('Your order A-17 at Ac Bcc: me');
  });

  test.each(['J. R. R. Tolkien', "Siobhán O'Neill-García", '山田 太郎', 'محمد', 'Bob <b>', 'Zoë 🌷'])(
    'greet %s by name',
    (customer_name) => {
      expect(words(receipt({ customer_name }))).toContain(`Hello ${customer_name},`);
    },
  );

  test.each([
    'You won! https://evil.example',
    'win at evil.example',
    'mail me@evil',
    'x'.repeat(61),
    ' \r\n ',
  ])('do not carry an advertisement to a stranger: %j', (customer_name) => {
    expect(words(paymentFailed({ order: { ...order, customer_name }, shop }))).toContain('Hello,');
  });

  test('in any script, of any length, stay whole', () => {
    const description = `כוס כחולה ☕ ${'long'.repeat(1000)}`;
    expect(words(receipt({}, { ...mug, description }))).toContain(`2 × ${description}`);
  });
});
