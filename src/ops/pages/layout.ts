import { html } from 'hono/html';
import type { Markup } from './markup.ts';

export interface Reader {
  /** Where their clock stands: Europe/Berlin. UTC until their browser has said it. */
  readonly zone: string;
  /** Null for a bearer of the token, who has no use for forms. */
  readonly formToken: string | null;
  /** Null where nobody has to log in. */
  readonly name: string | null;
  readonly mode: 'live' | 'test' | 'sandbox';
}

interface Page {
  readonly title: string;
  readonly part?: 'overview' | 'orders' | 'events';
  /** What the page watches: it is loaded anew when that changes. */
  readonly watches?: string | null;
  readonly body: Markup;
}

const parts = { overview: '/ops', orders: '/ops/orders', events: '/ops/events' } as const;

/** What all pages share. They are whole without the script, which adds the reader's zone and what changes meanwhile. */
export function page({ title, part, watches = null, body }: Page, reader: Reader): Markup {
  return html`<!doctype html>
<html lang="en" data-zone="${reader.zone}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · checkout-fulfillment</title>
<link rel="icon" href="/ops/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/ops/static/ops.css">
<script type="module" src="/ops/static/ops.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="bar">
<div class="inner">
<a class="brand" href="/ops"><img src="/ops/static/icon.svg" alt="" width="22" height="22">checkout-fulfillment</a>
${reader.mode !== 'live' && html`<span class="badge wait">${reader.mode === 'test' ? 'test mode' : 'sandbox'}</span>`}
${part && nav(part)}
${part && reader.name && logout(reader)}
</div>
</header>
<main id="main" tabindex="-1" data-watches="${watches && `/ops/live?topic=${watches}`}">
${body}
</main>
<footer class="foot"><span>Times are in <b>${reader.zone}</b>.</span><span class="live" role="status"></span></footer>
</body>
</html>`;
}

/** A page that has one thing to say, such as why there is no other. */
export function messagePage({ title, text }: { title: string; text: string }, reader: Reader): Markup {
  const body = html`<div class="card message"><h1>${title}</h1><p>${text}</p>
<p><a class="button" href="/ops">To the overview</a></p></div>`;
  return page({ title, part: 'overview', body }, reader);
}

function nav(current: keyof typeof parts): Markup {
  return html`<nav aria-label="Main"><ul>${Object.entries(parts).map(
    ([part, href]) =>
      html`<li><a href="${href}"${current === part && html` aria-current="page"`}>${part}</a></li>`,
  )}</ul></nav>`;
}

function logout(reader: Reader): Markup {
  return html`<form class="logout" method="post" action="/ops/logout">${formToken(reader)}
<span class="who">${reader.name}</span><button class="link">Log out</button></form>`;
}

/** Stands in every form: without it, nothing that is posted is taken. */
export function formToken({ formToken }: Reader): Markup {
  return html`<input type="hidden" name="form_token" value="${formToken}">`;
}
