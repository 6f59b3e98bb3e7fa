/** Text from outside as one line: it can neither steer a terminal, nor begin a header, nor turn its surroundings around. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim();
}
