const FIRST_MS = 1_000;
const LONGEST_MS = 6 * 60 * 60 * 1_000;

/**
 * The pause after a failed attempt, in milliseconds: 1 s, 3 s, 9 s … up to 6 h, each cut by up to half at
 * random, so that a receiver that comes back does not meet everyone at once. Twelve attempts span
 * at least 7 and at most 14 hours. A receiver's own Retry-After counts instead when it is longer, up to a day.
 */
export function backoffMs(attempt: number, retryAfterMs = 0, random: () => number = Math.random): number {
  const pause = Math.min(FIRST_MS * 3 ** (attempt - 1), LONGEST_MS) * (1 - random() / 2);
  return Math.round(Math.max(pause, Math.min(retryAfterMs, 4 * LONGEST_MS)));
}
