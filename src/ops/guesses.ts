/** Counts wrong guesses at the login form, and says how long the next one has to wait. */
export interface Guesses {
  wrong(): void;
  /** Whole seconds, 0 when a guess may be made. */
  wait(): number;
}

const MOST = 5;
const WINDOW_MS = 60_000;

/**
 * Five wrong ones a minute, of all callers together: an attacker has addresses by the thousand, and behind a proxy all
 * callers have one. Meanwhile the right token has to wait as well, but only at the form: as a bearer token it is let in.
 */
export function countGuesses(now = () => performance.now()): Guesses {
  let wrongAt: number[] = [];
  return {
    wrong: () => void wrongAt.push(now()),
    wait() {
      wrongAt = wrongAt.filter((at) => at > now() - WINDOW_MS);
      const [first = 0] = wrongAt.slice(-MOST);
      return wrongAt.length < MOST ? 0 : Math.ceil((first + WINDOW_MS - now()) / 1_000);
    },
  };
}
