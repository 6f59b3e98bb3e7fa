const DAY_MS = 24 * 60 * 60 * 1_000;

/** The clocks of a zone. What they show is counted as instants are, in milliseconds, as if they stood in UTC. */
export function wallClock(timeZone: string) {
  const format = new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'medium' });

  function offsetAt(instant: number): number {
    return Date.parse(`${format.format(instant).replace(' ', 'T')}Z`) - Math.floor(instant / 1_000) * 1_000;
  }

  return {
    shownAt: (instant: number) => instant + offsetAt(instant),

    /**
     * The instant at which they show this. Where they show it twice, the first one; where they skip it, the one at which
     * they would show it if they went on.
     */
    instantOf(shown: number): number {
      // Older than any order, and than what a zone's clocks are known for.
      if (shown < 0) return shown;
      const isShownAt = (instant: number) => instant + offsetAt(instant) === shown;
      const before = shown - offsetAt(shown - DAY_MS);
      const after = shown - offsetAt(shown + DAY_MS);
      return !isShownAt(before) && isShownAt(after) ? after : before;
    },
  };
}
