import { html } from 'hono/html';
import { formToken, page, type Reader } from './layout.ts';
import type { Markup } from './markup.ts';

interface Login {
  /** Where to go afterwards. */
  readonly to: string;
  readonly name?: string;
  readonly refusal?: string;
}

export function loginPage({ to, name = '', refusal }: Login, reader: Reader): Markup {
  const body = html`<form class="card login" method="post" action="/ops/login">
<h1>Log in</h1>
${refusal && html`<p class="note bad" role="alert" id="refusal">${refusal}</p>`}
${formToken(reader)}<input type="hidden" name="to" value="${to}">
<label>Your name<input name="name" value="${name}" required maxlength="40" autocomplete="username"
${!refusal && html`autofocus`}></label>
<p class="hint">Kept with what you do here.</p>
<label>Token<input name="token" type="password" required autocomplete="current-password"
${refusal && html`aria-describedby="refusal" aria-invalid="true" autofocus`}></label>
<p class="hint">The value of <code>OPS_TOKEN</code>.</p>
<button class="button primary">Log in</button>
</form>`;
  return page({ title: 'Log in', body }, reader);
}
