/** Text from outside as one line: it can neither steer a terminal, nor begin a header, nor turn its surroundings around. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu, ' ').trim();
}

/** The same for text of several lines, which stay apart. */
export function plainLines(text: string): string {
  return text.replace(/[[\p{Cc}\p{Bidi_Control}\u2028\u2029]--\n]+/gv, ' ');
}
