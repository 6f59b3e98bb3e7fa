/** Rows under their headings, as lines: text to the left, numbers to the right. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string[] {
  const texts = [headings, ...rows].map((row) => row.map(String));
  const widths = headings.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  return texts.map((row) =>
    row
      .map((text, column) => {
        const isNumber = typeof rows[0]?.[column] === 'number';
        return isNumber ? text.padStart(widths[column] as number) : text.padEnd(widths[column] as number);
      })
      .join('  ')
      .trimEnd(),
  );
}
