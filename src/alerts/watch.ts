import type { Knex } from '../db/knex.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { type Loop, startLoop } from '../loop.ts';
import type { Alert, Cause, Finding } from './alert.ts';
import type { Channel } from './channels.ts';
import { endUnseen, raise } from './store.ts';
import { tellDue } from './tell.ts';
import { wordsOf } from './words.ts';

const BETWEEN_PASSES_MS = 15_000;

/** A place where causes may show. */
export type Look = () => readonly Finding[] | Promise<readonly Finding[]>;

export interface Watch extends Loop {
  /** What the last pass found, for whoever asks this process how it is. */
  causes(): readonly Cause[];
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
  let found: readonly Finding[] = [];

  async function pass(signal: AbortSignal): Promise<void> {
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

  const { stop } = startLoop(async (signal) => {
    await pass(signal).catch((error) => {
      log.warn({ reason: messageOf(error) }, 'could not keep or tell alerts');
    });
    return BETWEEN_PASSES_MS;
  });
  return { causes: () => [...new Set(found.map(({ cause }) => cause))], stop };
}

function reportOf({ id, cause, details }: Alert) {
  return { alert: id, cause, ...details };
}
