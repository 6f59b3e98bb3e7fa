import { styleText } from 'node:util';
import Table from 'cli-table3';
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
 * Rows for a person. On a terminal of `width` columns give way, the widest first, until all fit, and the last one
 * goes on below itself. Elsewhere (null) everything is shown whole, without colours, a row a line.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number | null,
): string {
  const texts = rows.map((row) => row.map(textOf));
  const widths = width === null ? [] : fitted(columns, widthsOf(columns, texts), width);
  const made = new Table({
    head: columns.some(({ head }) => head) ? columns.map(({ head = '' }) => styleText('bold', head)) : [],
    colAligns: columns.map(({ align }) => align ?? 'left'),
    colWidths: widths,
    chars: { ...NO_LINES, middle: GAP },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  rows.forEach((row, r) => {
    made.push(
      row.map((cell, c) => {
        const isLast = c === columns.length - 1;
        const whole = texts[r]?.[c] ?? '';
        const text = isLast && width !== null ? broken(whole, widths[c] as number) : whole;
        const content = typeof cell === 'string' ? text : styleText(cell.style, text);
        return { content, wordWrap: isLast };
      }),
    );
  });
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** A word that is longer than its line, such as an id on a phone, would be cut off. */
function broken(text: string, width: number): string {
  const room = widthOf(text) > text.length ? Math.floor(width / 2) : width;
  return text.replace(new RegExp(`\\S{${room}}(?=\\S)`, 'gu'), '$& ');
}

function textOf(cell: Cell): string {
  return oneLine(typeof cell === 'string' ? cell : cell.text);
}

function widthsOf(columns: readonly Column[], texts: readonly (readonly string[])[]): number[] {
  return columns.map(({ head = '' }, c) =>
    Math.max(1, head.length, ...texts.map((row) => widthOf(row[c] ?? ''))),
  );
}

/** Of these a terminal gives each the room of two. */
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]/g;

function widthOf(text: string): number {
  return text.replace(WIDE, '  ').length;
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

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
} as const;
