import { html } from 'hono/html';
import type { Markup } from '../../ops/pages/markup.ts';

interface Page {
  readonly title: string;
  /** Where the page hears that it has changed; it is loaded anew then. */
  readonly watches?: string;
  readonly body: Markup;
}

/** What the pages of the sandbox share. Colours, cards and the time line are those of /ops. */
export function page({ title, watches = '', body }: Page): Markup {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · sandbox</title>
<link rel="icon" href="/sandbox/static/mug.svg" type="image/svg+xml">
<link rel="stylesheet" href="/ops/static/ops.css">
<link rel="stylesheet" href="/sandbox/static/shop.css">
<script type="module" src="/ops/static/ops.js"></script>
<script type="module" src="/sandbox/static/shop.js"></script>
</head>
<body class="sandbox">
<a class="skip" href="#main">Skip to the content</a>
<header class="bar"><div class="inner">
<a class="brand" href="/sandbox"><img src="/sandbox/static/mug.svg" alt="" width="26" height="26">The sandbox shop</a>
<span class="badge wait">No money moves</span>
<nav aria-label="Main"><ul><li><a href="/ops">Behind the counter: /ops</a></li></ul></nav>
</div></header>
<main id="main" tabindex="-1" data-watches="${watches}">
${body}
</main>
<footer class="foot"><span>A sandbox on this machine: shop, Stripe, bank and receiver are played. The service in the middle is the real one.</span>
<span class="live" role="status"></span></footer>
</body>
</html>`;
}

export function messagePage({ title, text }: { title: string; text: string }): Markup {
  const body = html`<div class="card message"><h1>${title}</h1><p>${text}</p>
<p><a class="button" href="/sandbox">To the shop</a></p></div>`;
  return page({ title, body });
}
