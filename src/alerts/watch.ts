import { setTimeout as pause } from 'node:timers/promises';
import type { Knex } from 'knex';
import { atMost } from '../at-most.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Alert, Cause, Finding } from './alert.ts';
import type { Channel } from './channels.ts';
import { endUnseen, raise } from './store.ts';
import { tellDue } from './tell.ts';
import { wordsOf } from './words.ts';

const BETWEEN_PASSES_MS = 15_000;
/** Nothing is lost when a pass is broken off: another process, or the next start, tells. */
const GRACE_MS = 1_000;

/** A place where causes may show. */
export type Look = () => readonly Finding[] | Promise<readonly Finding[]>;

export interface Watch {
  /** What the last pass found, for whoever asks this process how it is. */
  causes(): readonly Cause[];
  /** Begins no further pass, and resolves soon, also when the database does not answer. */
  stop(): Promise<void>;
}

interface Options {
  readonly db: Knex;
  readonly looks: readonly Look[];
  /** None: telling is left to processes that have some. */
  readonly channels: readonly Channel[];
  readonly log: Logger;
}

/** A dull loop: look for causes, keep them, tell a person. Any number of processes may run it, and one tells. */
export function startWatch({ db, looks, channels, log }: Options): Watch {
  const stopping = new AbortController();
  const { signal } = stopping;
  let found: readonly Finding[] = [];

  async function loop(): Promise<void> {
    while (!signal.aborted) {
      try {
        await pass();
      } catch (error) {
        log.warn({ reason: messageOf(error) }, 'could not keep or tell alerts');
      }
      await pause(BETWEEN_PASSES_MS, undefined, { ref: false, signal }).catch(() => {});
    }
  }

  async function pass(): Promise<void> {
    const seen = await Promise.allSettled(looks.map(async (look) => look()));
    found = seen.flatMap((look) => (look.status === 'fulfilled' ? look.value : []));
    for (const finding of found) {
      const alert = await raise(db, finding);
      if (alert !== null) log.error(reportOf(alert), wordsOf(alert).title);
    }
    const blind = seen.find((look) => look.status === 'rejected');
    if (blind) log.warn({ reason: messageOf(blind.reason) }, 'could not look everywhere for alerts');
    // Who could not look everywhere has not seen that anything is over.
    else for (const alert of await endUnseen(db)) log.info(reportOf(alert), wordsOf(alert).title);
    if (channels.length > 0) await tellDue({ db, channels, log, signal });
  }

  const looping = loop();
  return {
    causes: () => [...new Set(found.map(({ cause }) => cause))],
    async stop() {
      stopping.abort();
      await atMost(GRACE_MS, looping);
    },
  };
}

function reportOf({ id, cause, details }: Alert) {
  return { alert: id, cause, ...details };
}
