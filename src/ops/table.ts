import { styleText } from 'node:util';
import Table from 'cli-table3';
import stringWidth from 'string-width';
import { oneLine } from '../one-line.ts';

export type Style = Parameters<typeof styleText>[0];

/** What stands in a cell. Its colour shows on a terminal alone. */
export type Cell = string | { readonly text: string; readonly style: Style };

interface Column {
  /** Where none has one there is no row of heads. */
  readonly head?: string;
  readonly align?: 'right';
  /** It is shortened before the others where the terminal is too narrow. */
  readonly gives?: true;
}

const GAP = '  ';
/** What is left of a column at least, however narrow the terminal. */
const NARROWEST = 5;

/**
 * Rows for a person. On a terminal they are made to fit its `width`: columns are shortened, the widest first, and the last one
 * is wrapped. Elsewhere (null), and on a terminal that has been given no size (0: a serial console, or a container's in its
 * first moment), everything is shown whole, a row a line.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number | null,
): string {
  const lines = rows.map((row) => row.map(inOneLine));
  const widths = width ? fitted(columns, widthsOf(columns, lines), width) : [];
  const made = new Table({
    head: columns.some(({ head }) => head) ? columns.map(({ head = '' }) => styleText('bold', head)) : [],
    colAligns: columns.map(({ align }) => align ?? 'left'),
    colWidths: widths,
    chars: { ...NO_LINES, middle: GAP },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const line of lines) {
    made.push(
      line.map(({ text: whole, style }, c) => {
        const isLast = c === columns.length - 1;
        const text = width ? within(whole, widths[c] as number, isLast) : whole;
        return { content: style ? styleText(style, text) : text, wordWrap: isLast };
      }),
    );
  }
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** cli-table3 would cut off a word that is longer than its line, such as an id on a phone, and halve an emoji where it cuts. */
function within(text: string, width: number, goesOn: boolean): string {
  if (goesOn) return text.replace(/\S+/g, (word) => pieces(word, width).join(' '));
  return stringWidth(text) > width ? `${pieces(text, width - 1)[0]}…` : text;
}

function pieces(text: string, width: number): string[] {
  const found = [''];
  for (const character of text) {
    const longer = found.at(-1) + character;
    if (stringWidth(longer) > width) found.push(character);
    else found[found.length - 1] = longer;
  }
  return found;
}

interface Line {
  readonly text: string;
  readonly style: Style | null;
}

function inOneLine(cell: Cell): Line {
  const { text, style } = typeof cell === 'string' ? { text: cell, style: null } : cell;
  return { text: oneLine(text), style };
}

function widthsOf(columns: readonly Column[], lines: readonly (readonly Line[])[]): number[] {
  return columns.map(({ head = '' }, c) =>
    Math.max(1, head.length, ...lines.map((line) => stringWidth(line[c]?.text ?? ''))),
  );
}

function fitted(columns: readonly Column[], widths: readonly number[], width: number): number[] {
  const room = width - GAP.length * (widths.length - 1);
  const fitting = [...widths];
  const total = () => fitting.reduce((sum, own) => sum + own, 0);
  for (const mayGive of [(c: number) => columns[c]?.gives, () => true]) {
    while (total() > room) {
      const widest = Math.max(...fitting.filter((_, c) => mayGive(c)));
      if (widest <= NARROWEST) break;
      fitting[fitting.findIndex((own, c) => own === widest && mayGive(c))] = widest - 1;
    }
  }
  return fitting;
}

const LINES =
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid';
const NO_LINES = Object.fromEntries(LINES.split(' ').map((line) => [line, '']));
