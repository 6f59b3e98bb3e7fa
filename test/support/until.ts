import { setTimeout as pause } from 'node:timers/promises';

/** Seconds; less where failures are the rule. */
const PATIENCE = Number(process.env.TEST_PATIENCE ?? 60);

/** Asks until there is an answer (not undefined, null or false), and fails with `what` after `seconds`. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  seconds = PATIENCE,
): Promise<T> {
  const deadline = performance.now() + seconds * 1_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await pause(20);
  }
}
