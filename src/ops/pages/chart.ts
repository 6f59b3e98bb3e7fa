import { html } from 'hono/html';
import type { Markup } from './markup.ts';

interface Series {
  readonly name: string;
  /** One for each label; null where there is nothing to say. */
  readonly values: readonly (number | null)[];
  /** What the legend says of all of it. */
  readonly sum: string;
}

interface Chart {
  readonly title: string;
  readonly kind: 'columns' | 'lines';
  /** Of each place along the axis. */
  readonly labels: readonly string[];
  readonly series: readonly Series[];
  readonly say: (value: number) => string;
  /** Stands in its place while there is nothing to draw. */
  readonly empty: string;
}

/** The drawing's own units: it is stretched to its place, and its lines and words are not. */
const [WIDTH, HEIGHT] = [1_000, 100];
/** Of 24 hours and of 30 days alike, so that each label stands where its time begins. */
const LABEL_EVERY = 6;

/** Words stand beside the drawing, so that they have the page's size on a phone too; whoever can't see it has the table. */
export function chart({ title, kind, labels, series, say, empty }: Chart): Markup {
  const totals = labels.map((_, i) => series.reduce((sum, { values }) => sum + (values[i] ?? 0), 0));
  const highest = Math.max(
    ...(kind === 'columns' ? totals : series.flatMap(({ values }) => values.map((value) => value ?? 0))),
  );
  const card = (content: Markup) => html`<section class="card chart" data-part="${title}">
<h2>${title}</h2>
${content}</section>`;
  if (highest === 0) return card(html`<p class="empty-chart">${empty}</p>`);
  const top = roundUp(highest);
  const drawing = kind === 'columns' ? columns(labels, series, top, say) : lines(series, top);
  return card(html`<ul class="legend">${series.map(
    ({ name, sum }, i) =>
      html`<li class="series-${i + 1}"><span class="swatch"></span>${name} <b>${sum}</b></li>`,
  )}</ul>
<div class="plot" aria-hidden="true">
<div class="scale"><span>${say(top)}</span><span>${say(top / 2)}</span><span>${say(0)}</span></div>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">
<path class="grid" d="M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}"/>
${drawing}</svg>
<div class="axis">${labels.filter((_, i) => i % LABEL_EVERY === 0).map((label) => html`<span>${label}</span>`)}</div>
</div>
<details><summary>As a table</summary>${table({ title, labels, series, say })}</details>
`);
}

/** The next 2, 4, 6, 8 or 10 of its power of ten: its half is a round number as well. */
function roundUp(highest: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(highest, 1)));
  return Math.max(2, Math.ceil(highest / power / 2) * 2 * power);
}

const yOf = (value: number, top: number) => round(HEIGHT * (1 - value / top));
const round = (n: number) => Math.round(n * 100) / 100;

function columns(
  labels: readonly string[],
  series: readonly Series[],
  top: number,
  say: Chart['say'],
): Markup[] {
  const step = WIDTH / labels.length;
  return labels.map((label, i) => {
    let reached = 0;
    const parts = series.map(({ values }, s) => {
      const value = values[i] ?? 0;
      reached += value;
      return value === 0
        ? null
        : html`<rect class="series-${s + 1}" x="${round(step * (i + 0.14))}" width="${round(step * 0.72)}" y="${yOf(reached, top)}" height="${round((HEIGHT * value) / top)}"/>`;
    });
    const words = series.map(({ name, values }) => `${name} ${say(values[i] ?? 0)}`).join(', ');
    return html`<g><title>${label}: ${words}</title>${parts}</g>`;
  });
}

/** Between two gaps a value is a point: a line of no length with round ends. */
function lines(series: readonly Series[], top: number): Markup[] {
  return series.map(({ values }, s) => {
    const step = WIDTH / values.length;
    const d = values.map((value, i) => {
      if (value === null) return '';
      const [x, y] = [round(step * (i + 0.5)), yOf(value, top)];
      return (values[i - 1] ?? null) === null ? `M${x} ${y}h0` : `L${x} ${y}`;
    });
    return html`<path class="line series-${s + 1}" d="${d.join('')}"/>`;
  });
}

function table({ title, labels, series, say }: Omit<Chart, 'kind' | 'empty'>): Markup {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${title}, as a table"><table>
<thead><tr><th scope="col">From</th>${series.map(({ name }) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
<tbody>${labels.map(
    (label, i) =>
      html`<tr><th scope="row">${label}</th>${series.map(({ values }) => {
        const value = values[i] ?? null;
        return html`<td class="number">${value === null ? '–' : say(value)}</td>`;
      })}</tr>`,
  )}</tbody></table></div>`;
}
