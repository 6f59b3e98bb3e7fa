import { setTimeout as pause } from 'node:timers/promises';

/** Resolves once the work has ended, or after so many milliseconds: a stop does not wait for who may never answer. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  await Promise.race([work, pause(ms, undefined, { ref: false })]);
}
