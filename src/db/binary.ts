import pg from 'pg';
import { type Scratch, takeScratch } from './scratch.ts';

/** What an array says its elements are: the oids of their types, the same in every PostgreSQL. */
const { TEXT, JSON: JSON_TEXT } = pg.types.builtins;

type Element = string | Uint8Array | null;

/**
 * Arrays in PostgreSQL's binary form (array_recv in its arrayfuncs.c): elements travel as they are, while a literal
 * escapes each of them here and takes it apart again there. pg sends a Buffer as a parameter in binary form. Whoever has
 * the statement's answer disposes of them.
 */
export function jsonArray(elements: readonly Element[]): Scratch {
  return binaryArray(JSON_TEXT, [elements.length], elements);
}

/** Rows of equal length. PostgreSQL refuses others, whose elements are too few or too many. */
export function textMatrix(rows: readonly (readonly Element[])[]): Scratch {
  return binaryArray(TEXT, [rows.length, rows[0]?.length ?? 0], rows.flat());
}

function binaryArray(
  elementType: number,
  dimensions: readonly number[],
  elements: readonly Element[],
): Scratch {
  const mayHoldNulls = 1;
  const head = [
    dimensions.length,
    mayHoldNulls,
    elementType,
    ...dimensions.flatMap((length) => [length, FIRST_SUBSCRIPT]),
  ];
  const size = elements.reduce((sum, element) => sum + INT + mostBytes(element), head.length * INT);
  return takeScratch(size, (buffer) => {
    let end = 0;
    for (const int of head) end = buffer.writeInt32BE(int, end);
    for (const element of elements) {
      const begin = end + INT;
      const length = element === null ? NULL_LENGTH : write(buffer, element, begin);
      buffer.writeInt32BE(length, end);
      end = begin + Math.max(0, length);
    }
    return end;
  });
}

const INT = 4;
const FIRST_SUBSCRIPT = 1;
const NULL_LENGTH = -1;

/** A UTF-16 unit takes at most three bytes: cheaper than to measure each text before it is written. */
function mostBytes(element: Element): number {
  if (element === null) return 0;
  return typeof element === 'string' ? 3 * element.length : element.length;
}

/** How many bytes it wrote. Half surrogates become U+FFFD. */
function write(buffer: Buffer, element: string | Uint8Array, begin: number): number {
  if (typeof element === 'string') return buffer.write(element, begin);
  buffer.set(element, begin);
  return element.length;
}
