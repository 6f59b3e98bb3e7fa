/** Text as PostgreSQL can keep it: it has no U+0000 and no half surrogates. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}
