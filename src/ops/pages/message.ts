import { html } from 'hono/html';
import { page, type Reader } from './layout.ts';
import type { Markup } from './markup.ts';

/** A page that has one thing to say, such as why there is no other. */
export function messagePage({ title, text }: { title: string; text: string }, reader: Reader): Markup {
  const body = html`<div class="card message"><h1>${title}</h1><p>${text}</p>
<p><a class="button" href="/ops">To the overview</a></p></div>`;
  return page({ title, part: 'overview', body }, reader);
}
