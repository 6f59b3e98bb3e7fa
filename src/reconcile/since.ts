const SECONDS: Readonly<Record<string, number>> = { m: 60, h: 60 * 60, d: 24 * 60 * 60, w: 7 * 24 * 60 * 60 };

/** A moment, or how long ago it was: in seconds. */
export type Since = { readonly at: number } | { readonly ago: number };

/** `45m`, `12h`, `3d`, `2w` ago, or a date with or without a time, in the zone of whoever asks unless it names one; null for anything else. */
export function parseSince(text: string): Since | null {
  const [, count, unit = ''] = /^(\d{1,5})([mhdw])$/.exec(text) ?? [];
  if (count) return { ago: Number(count) * (SECONDS[unit] as number) };
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)) return null;
  // A date alone would be midnight in UTC, and a person means their own.
  const at = Date.parse(text.includes('T') ? text : `${text}T00:00`);
  return Number.isNaN(at) ? null : { at: Math.floor(at / 1_000) };
}

/** @param now the database's time, in seconds since 1970, as is the result */
export function secondsOf(since: Since, now: number): number {
  return Math.max(0, 'at' in since ? since.at : now - since.ago);
}
