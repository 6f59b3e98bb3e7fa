import { html } from 'hono/html';
import { onceForEach } from '../../once-for-each.ts';
import { amountOf } from '../words.ts';

/** HTML whose values are escaped. A promise where something in it is one. */
export type Markup = ReturnType<typeof html>;

const NOTHING = html`<span class="nothing">–</span>`;

export function money(amount: number | null, currency: string | null): Markup {
  return amount === null ? NOTHING : html`${amountOf(amount, currency)}`;
}

export function orNothing(value: unknown): Markup {
  return value === null || value === undefined || value === '' ? NOTHING : html`${value}`;
}

/** An id that a person copies: whole in the page, and no wider than its place. */
export function id(value: string | null): Markup {
  return value === null ? NOTHING : html`<code class="id">${value}</code>`;
}

/** A type of event, which a narrow screen breaks after its dots. */
export function eventType(type: string): Markup {
  const [first, ...rest] = type.split('.');
  return html`${first}${rest.map((part) => html`.<wbr>${part}`)}`;
}

/** What is known of one thing, by name; what is null is left out. */
export function facts(known: readonly (readonly [name: string, value: Markup | null])[]): Markup {
  return html`<dl class="facts">${known.map(
    ([name, value]) => value && html`<div><dt>${name}</dt><dd>${value}</dd></div>`,
  )}</dl>`;
}

export const findForm = html`<form class="find spring" action="/ops/find" role="search"><label class="sr" for="q">Find an order</label>
<input id="q" name="q" type="search" placeholder="Order, e-mail, reference, cs_, pi_, evt_"></form>`;

/** Ways to look at a page, an address each; the reader is at one of them. */
export function choice(label: string, ways: Readonly<Record<string, string>>, here: string): Markup {
  return html`<nav class="choice" aria-label="${label}"><ul>${Object.entries(ways).map(
    ([name, href]) =>
      html`<li><a href="${href}"${href === here && html` aria-current="true"`}>${name}</a></li>`,
  )}</ul></nav>`;
}

/** An instant in the reader's zone, and by the second in UTC for whoever points at it. */
export function time(at: Date, zone: string): Markup {
  const iso = at.toISOString();
  return html`<time datetime="${iso}" title="${iso}">${clockOf(zone).format(at)}</time>`;
}

const clockOf = onceForEach(
  (timeZone) => new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone }),
);

type Tone = 'good' | 'wait' | 'bad' | 'plain';

const tones: Readonly<Record<string, Tone>> = {
  paid: 'good',
  fulfilled: 'good',
  sent: 'good',
  applied: 'good',
  awaiting_payment: 'wait',
  pending: 'wait',
  failed: 'bad',
  dead: 'bad',
  conflict: 'bad',
};

/** A status in a colour, and in words: the colour alone says nothing. */
export function badge(status: string, words = status.replaceAll('_', ' ')): Markup {
  return html`<span class="badge ${tones[status] ?? 'plain'}">${words}</span>`;
}
