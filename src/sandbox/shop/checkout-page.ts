import { html } from 'hono/html';
import { type Markup, money } from '../../ops/pages/markup.ts';
import { promotionOf } from '../prices.ts';
import type { ShippingRate, StoredSession } from '../session-object.ts';
import type { Buyer } from '../sessions.ts';
import type { CheckoutForm } from './checkout-form.ts';
import { page } from './layout.ts';
import { type Trouble, troubleNames, troubles } from './trouble.ts';

export interface CheckoutPage {
  readonly stored: StoredSession;
  readonly form: CheckoutForm;
  /** Why the form came back. */
  readonly fault: string | null;
  /** The receiver is the sandbox's own, and can be down. */
  readonly receives: boolean;
}

/** Plays the page that Stripe would show. It looks like no page of Stripe's, and has no field for a card's number. */
export function checkoutPage({ stored, form, fault, receives }: CheckoutPage): Markup {
  const { session } = stored;
  const body = html`<h1>Checkout</h1>
${session.cancel_url && html`<p><a href="${session.cancel_url}">← Back to the shop</a></p>`}
<p class="stage"><b>This page plays the part of Stripe Checkout.</b> At Stripe the customer would pay on Stripe’s own page.</p>
${fault && html`<p class="note bad" role="alert">${fault}</p>`}
<form class="columns checkout" method="post" action="/sandbox/checkout/${session.id}">
<div class="side">
<section class="card"><h2>Your order</h2>${summary(stored)}</section>
<section class="card"><h2>Where it goes</h2>${address(form.buyer)}${shipping(stored)}</section>
</div>
<div class="side">
${switches(form.trouble, receives)}
<section class="card pay" data-part="pay"><h2>Pay</h2>${pay(stored)}</section>
</div>
</form>`;
  return page({ title: 'Checkout', body });
}

function summary(stored: StoredSession): Markup {
  const { session, lineItems } = stored;
  const { currency, total_details } = session;
  const applied = promotionOf(session);
  const row = (label: unknown, amount: number) =>
    html`<div><dt>${label}</dt><dd>${money(amount, currency)}</dd></div>`;
  return html`<ul class="lines">${lineItems.map(
    (
      item,
    ) => html`<li><span class="grow">${item.description}<br><span class="muted">${money(item.price?.unit_amount ?? 0, currency)} each</span></span>
<label><span class="sr">Quantity of ${item.description}</span><input type="number" name="quantity_${item.id}" value="${item.quantity}" min="${item.adjustable_quantity?.minimum}" max="${item.adjustable_quantity?.maximum}"
inputmode="numeric" required data-reprices${!item.adjustable_quantity?.enabled && html` readonly`}></label>
<span class="number" data-part="${item.id}">${money(item.amount_subtotal, currency)}</span></li>`,
  )}</ul>
<div class="code">${session.allow_promotion_codes && html`<label>Promotion code<input name="code" value="${applied?.code ?? ''}" autocomplete="off" data-reprices></label>`}
<button class="button" name="action" value="update">Update</button></div>
<div data-part="sums"><dl class="sums">${row('Subtotal', session.amount_subtotal ?? 0)}
${applied && row(`${applied.code}, ${applied.percentOff} % off`, -(total_details?.amount_discount ?? 0))}
${session.shipping_cost && row('Shipping', total_details?.amount_shipping ?? 0)}
${row(html`<b>Total</b>`, session.amount_total ?? 0)}</dl>
<input type="hidden" name="seen_total" value="${session.amount_total}"></div>`;
}

function address({ name, email, address }: Buyer): Markup {
  const field = (label: string, input: string, value: string | null, autocomplete: string, type = 'text') =>
    html`<label>${label}<input name="${input}" type="${type}" value="${value ?? ''}" autocomplete="${autocomplete}" required maxlength="200"></label>`;
  return html`<div class="fields">${field('E-mail', 'email', email, 'email', 'email')}${field('Name', 'name', name, 'name')}
${field('Street', 'line1', address.line1, 'address-line1')}
<div class="pair-of">${field('Postal code', 'postal_code', address.postal_code, 'postal-code')}${field('City', 'city', address.city, 'address-level2')}</div>
<input type="hidden" name="country" value="${address.country}"></div>`;
}

function shipping({ session, shippingRates }: StoredSession): Markup {
  const chosen = session.shipping_cost?.shipping_rate;
  const rate = ({ id, name, amount }: ShippingRate) =>
    html`<label class="option"><input type="radio" name="shipping" value="${id}"${id === chosen && html` checked`} data-reprices>
<span class="grow">${name}</span><span class="number">${amount === 0 ? 'free' : money(amount, session.currency)}</span></label>`;
  return html`<fieldset class="options"><legend>Shipping</legend>${shippingRates.map(rate)}</fieldset>`;
}

function pay({ session }: StoredSession): Markup {
  const total = money(session.amount_total, session.currency);
  if (session.amount_total === 0) {
    return html`<p class="muted">There is nothing to pay: <code>payment_status</code> will be <code>no_payment_required</code>.</p>
<button class="button primary big" name="action" value="card">Complete the order</button>`;
  }
  return html`<button class="button primary big" name="action" value="card">Pay ${total} by card</button>
<p class="hint">Paid at once.</p>
<button class="button big" name="action" value="bank">Pay ${total} by bank debit</button>
<p class="hint">The money comes days later, or does not: you decide on the next page.</p>`;
}

function switches(trouble: Trouble, receives: boolean): Markup {
  const names = troubleNames.filter((name) => name !== 'down' || receives);
  return html`<fieldset class="card troubles"><legend class="sr">What goes wrong</legend><h2>Break it on purpose</h2>${names.map(
    (name) => {
      const [title, about] = troubles[name];
      return html`<label class="option"><input type="checkbox" name="trouble" value="${name}"${trouble.has(name) && html` checked`}>
<span class="grow">${title}<br><span class="muted">${about}</span></span></label>`;
    },
  )}</fieldset>`;
}
