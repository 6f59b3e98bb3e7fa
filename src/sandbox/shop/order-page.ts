import { html } from 'hono/html';
import type { WholeOrder } from '../../ops/look-up.ts';
import { badge, type Markup, money } from '../../ops/pages/markup.ts';
import type { ReceivedRequest } from '../receiver.ts';
import type { Session } from '../session-object.ts';
import type { Episode } from './journal.ts';
import { page } from './layout.ts';
import { type Line, sinceStart, storyOf } from './story.ts';

interface OrderPage {
  readonly session: Session;
  readonly episode: Episode;
  /** Null: the service has not heard of the session yet. */
  readonly whole: WholeOrder | null;
  readonly requests: readonly ReceivedRequest[];
  /** The receiver is out of order. Null: it is not the sandbox's. */
  readonly down: boolean | null;
}

/** What the customer sees after paying, and behind it all that the service did, live. */
export function orderPage({ session, episode, whole, requests, down }: OrderPage): Markup {
  const story = storyOf(episode.deeds, whole?.timeline ?? []);
  const body = html`<div class="head" data-part="head"><h1>${greeting(session, whole)}</h1>
<span>${whole ? badge(whole.order.status) : badge('pending', 'the service knows of no order yet')}
${whole?.fulfillment && badge(whole.fulfillment.status, whole.fulfillment.status === 'pending' ? 'to fulfil' : whole.fulfillment.status)}</span>
<span class="total">${money(session.amount_total, session.currency)}</span></div>
<div data-part="hands">${bank(session, episode, whole)}${repair(session, whole, down)}</div>
<section class="card" data-part="story"><h2>What happened</h2>${storyList(story)}</section>
<div class="pair">
<section class="card" data-part="request"><h2>What your backend got</h2>${received(requests, whole, down)}</section>
<section class="card" data-part="mail"><h2>What the customer got</h2>${mails(session, whole)}</section>
</div>
<p class="next" data-part="next"><a class="button" href="/sandbox">Buy something else</a>
${whole && html`<a class="button" href="/ops/orders/${whole.order.id}">The same as operators see it</a>`}</p>`;
  return page({ title: 'Your order', watches: `/sandbox/live?topic=${session.id}`, body });
}

function greeting({ status, customer_details }: Session, whole: WholeOrder | null): string {
  const name = customer_details?.name?.split(' ', 1)[0] ?? 'friend';
  switch (whole?.order.status) {
    case 'paid':
      return `Thank you, ${name}!`;
    case 'awaiting_payment':
      return `Thank you, ${name}. We wait for your bank.`;
    case 'failed':
      return `Sorry, ${name}: the payment did not go through.`;
    default:
      return status === 'complete' ? `One moment, ${name}…` : 'Nothing was paid';
  }
}

function bank(
  { id, status, payment_status }: Session,
  { decided }: Episode,
  whole: WholeOrder | null,
): Markup {
  const isOwed = status === 'complete' && payment_status === 'unpaid';
  if (!isOwed || decided || whole?.order.status === 'failed') return html``;
  return html`<form class="card hand" method="post" action="/sandbox/orders/${id}/bank"><p><b>The bank has not moved the money yet.</b>
Days pass at Stripe; here you are the bank.</p>
<button class="button primary" name="decision" value="pays">The bank pays</button>
<button class="button" name="decision" value="declines">The bank declines</button></form>`;
}

function repair({ id }: Session, whole: WholeOrder | null, down: boolean | null): Markup {
  const { status, attempts } = whole?.fulfillment ?? { status: 'pending', attempts: 0 };
  const waits = attempts > 0;
  if (status === 'fulfilled' || !(down || waits)) return html``;
  const next =
    status === 'dead'
      ? 'All attempts have failed: the next one comes when you ask for it.'
      : down
        ? 'The service tries again by itself, with growing pauses.'
        : 'The next attempt comes by itself, or now.';
  // How one that is not the sandbox's own is, nobody here knows.
  const receiver =
    down === null ? 'The order is not fulfilled yet.' : `The receiver is ${down ? 'down' : 'well'}.`;
  return html`<form class="card hand" method="post" action="/sandbox/orders/${id}/receiver"><p><b>${receiver}</b> ${next}</p>
${down && html`<button class="button primary" name="action" value="repair">Repair the receiver</button>`}
${waits && html`<button class="button" name="action" value="retry">Try again now</button>`}</form>`;
}

const players = { stripe: 'Stripe', shop: 'Shop', service: 'Service' } as const;

function storyList(story: readonly Line[]): Markup {
  const start = story[0]?.at;
  if (start === undefined) return html`<p class="muted">Nothing yet.</p>`;
  return html`<ol class="timeline story">${story.map(
    ({ at, by, words, tone }) => html`<li class="${tone}"><p>${words}</p>
<p class="when"><span class="who-did ${by}">${players[by]}</span> <time datetime="${at.toISOString()}">${sinceStart(at, start)}</time></p></li>`,
  )}</ol>`;
}

function mails({ id }: Session, whole: WholeOrder | null): Markup {
  const sent = (whole?.timeline ?? []).flatMap((entry) =>
    entry.kind === 'done' && entry.work !== 'fulfillment' ? [entry.work] : [],
  );
  if (sent.length === 0) return html`<p class="muted">No mail yet.</p>`;
  return html`${sent.map(
    (kind) =>
      html`<iframe class="mail" title="The mail: ${kind.replace('_', ' ')}" src="/sandbox/orders/${id}/mails/${kind}" sandbox></iframe>`,
  )}`;
}

function received(
  requests: readonly ReceivedRequest[],
  whole: WholeOrder | null,
  down: boolean | null,
): Markup {
  if (down === null)
    return html`<p class="muted">You have a fulfiller of your own (<code>FULFILLMENT_URL</code>, or a function): see there.</p>`;
  const last = requests.at(-1);
  if (last === undefined)
    return html`<p class="muted">${whole?.order.status === 'paid' ? 'The request is on its way.' : 'No request yet: only a paid order makes one.'}</p>`;
  const { 'content-length': _, connection: __, host: ___, ...headers } = last.headers;
  return html`<p class="answers">${requests.map(({ status }) => badge(status === 200 ? 'paid' : 'failed', `answered ${status}`))}</p>
<pre tabindex="0" aria-label="The last request">POST /orders
${Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`)}
${JSON.stringify(JSON.parse(last.body), null, 2)}</pre>
<p class="hint">Signed as Standard Webhooks says, with the same id on every attempt. <code>FULFILLMENT_URL</code> sends it to you.</p>`;
}
