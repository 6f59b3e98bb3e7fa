import { setTimeout as pause } from 'node:timers/promises';
import { atMost } from './at-most.ts';

/** What a stop waits for a pass: whatever a pass is broken off in is done by the next one, of whatever process. */
const GRACE_MS = 1_000;

export interface Loop {
  /** Begins no further pass, and resolves soon, also when what a pass waits for does not answer. */
  stop(): Promise<void>;
}

/**
 * A dull loop: a pass at once, and the next one when the pause that it gave back, in milliseconds, is over. A pass keeps
 * its errors to itself.
 */
export function startLoop(pass: (signal: AbortSignal) => Promise<number>): Loop {
  const stopping = new AbortController();
  const { signal } = stopping;

  async function loop(): Promise<void> {
    while (!signal.aborted) {
      const pauseMs = await pass(signal);
      await pause(pauseMs, undefined, { ref: false, signal }).catch(() => {});
    }
  }

  const looping = loop();
  return {
    async stop() {
      stopping.abort();
      await atMost(GRACE_MS, looping);
    },
  };
}
