import { html } from 'hono/html';

/** What a mail says, each string as plain text, before it is written as text and as HTML. */
export interface Letter {
  readonly from: string;
  readonly title: string;
  readonly reference: string;
  readonly paragraphs: readonly string[];
  readonly items?: readonly Row[];
  /** What is added to the items or taken off them; the last one is the total. */
  readonly sums?: readonly Row[];
  readonly link?: { readonly label: string; readonly url: string } | null;
  readonly closing: string;
}

export interface Row {
  readonly label: string;
  readonly amount: string;
}

export function asText(letter: Letter): string {
  const { from, title, reference, paragraphs, items = [], sums = [], link, closing } = letter;
  const lines = (rows: readonly Row[]) => rows.map(({ label, amount }) => `${label}: ${amount}`).join('\n');
  const blocks = [
    `${title}\n${reference}`,
    ...paragraphs,
    lines(items),
    lines(sums),
    link ? `${link.label}: ${link.url}` : '',
    `${closing}\n${from}`,
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

const hairline = 'border-bottom:1px solid rgba(128,128,128,.4)';

function paragraph(text: string, style = '') {
  return html`<p dir="auto" style="margin:0 0 16px;overflow-wrap:anywhere;${style}">${text}</p>`;
}

function tableRow({ label, amount }: Row, style: string) {
  return html`
      <tr>
        <td dir="auto" style="padding:8px 0;text-align:left;overflow-wrap:anywhere;${style}">${label}</td>
        <td style="padding:8px 0 8px 16px;text-align:right;vertical-align:top;white-space:nowrap;${style}">${amount}</td>
      </tr>`;
}

function table(items: readonly Row[], sums: readonly Row[]) {
  return html`<table style="width:100%;margin:8px 0 24px;border-collapse:collapse;font-variant-numeric:tabular-nums">${[
    ...items.map((item) => tableRow(item, hairline)),
    ...sums.slice(0, -1).map((sum) => tableRow(sum, 'padding-bottom:0;opacity:.75')),
    ...sums.slice(-1).map((total) => tableRow(total, 'font-size:20px;font-weight:bold')),
  ]}
    </table>`;
}

function button({ label, url }: NonNullable<Letter['link']>) {
  return html`<p style="margin:24px 0"><a href="${url}" style="display:inline-block;padding:12px 24px;border-radius:8px;background:#1d4ed8;color:#ffffff;font-weight:bold;text-decoration:none">${label}</a></p>`;
}

/**
 * Mail clients drop style sheets, so styles are inline. Text and background keep the client's own
 * colors: readable in its light mode and in its dark one.
 */
export function asHtml(letter: Letter): string {
  const { from, title, reference, paragraphs, items = [], sums = [], link, closing } = letter;
  return String(html`<!doctype html>
<html lang="en" style="color-scheme:light dark">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <meta name="color-scheme" content="light dark">
  <title>${title}</title>
</head>
<body style="margin:0;padding:24px 16px;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
  <div style="max-width:560px;margin:0 auto">
    ${paragraph(from, 'font-weight:bold')}
    <h1 style="margin:24px 0 4px;font-size:26px;line-height:1.25">${title}</h1>
    ${paragraph(reference, 'margin-bottom:24px;opacity:.75')}
    ${paragraphs.map((text) => paragraph(text))}
    ${items.length + sums.length > 0 && table(items, sums)}
    ${link && button(link)}
    ${paragraph(closing)}
  </div>
</body>
</html>
`);
}
