/** Counts wrong guesses at the login form, and says how long the next one has to wait. */
export interface Guesses {
  wrong(): void;
  /** Whole seconds, 0 when a guess may be made. */
  wait(): number;
}

const MOST = 5;
const WINDOW_MS = 60_000;

/**
 * Five wrong ones a minute, whoever makes them: addresses are had by the thousand, and behind a proxy all are one. A
 * right token is kept waiting as well then, at the form alone: as a bearer token it is let in all the same.
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
