import { setTimeout as pause } from 'node:timers/promises';

/** Resolves once the work has ended, and after so many milliseconds at the latest: what a stop waits for may never answer. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  await Promise.race([work, pause(ms, undefined, { ref: false })]);
}
