import { html } from 'hono/html';
import { type Markup, money } from '../../ops/pages/markup.ts';
import { promotionCodes } from '../prices.ts';
import { page } from './layout.ts';
import { currency, type Product, products } from './products.ts';

export function shopPage({ empty }: { empty: boolean }): Markup {
  const [ten, all] = promotionCodes;
  const body = html`<div class="hero">
<h1>Buy something. Then break it.</h1>
<p>Every checkout here sends real signed events to this service. Watch it make an order of them, and see what your backend and your customer get.</p>
</div>
${empty && html`<p class="note bad" role="alert">The basket is empty: put one thing in at least.</p>`}
<form method="post" action="/sandbox/checkout">
<ul class="products">${products.map(product)}</ul>
<div class="basket card"><p class="muted">Codes to try at the checkout: <code>${ten?.code}</code> takes ${ten?.percentOff} % off,
<code>${all?.code}</code> leaves nothing to pay.</p>
<button class="button primary big">Check out</button></div>
</form>`;
  return page({ title: 'Shop', body });
}

function product({ id, name, about, price }: Product, place: number): Markup {
  return html`<li class="card product"><img src="/sandbox/static/${id}.svg" alt="" width="160" height="160">
<h2>${name}</h2><p class="muted">${about}</p>
<div class="buy"><span class="price">${money(price, currency)}</span>
<label><span class="sr">Quantity of ${name}</span><input type="number" name="${id}" value="${place === 0 ? 1 : 0}" min="0" max="99" inputmode="numeric"></label></div></li>`;
}
