import type { Knex } from '../db/knex.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { type Loop, startLoop } from '../loop.ts';
import type { Alert, Cause, Finding } from './alert.ts';
import type { Channel } from './channels.ts';
import { endUnseen, OVER_AFTER_SECONDS, raise } from './store.ts';
import { tellDue } from './tell.ts';
import { wordsOf } from './words.ts';

const BETWEEN_LOOKS_MS = 15_000;
const BETWEEN_TELLINGS_MS = 2_000;

/** A place where causes may show. */
export type Look = () => readonly Finding[] | Promise<readonly Finding[]>;

export interface Watch extends Loop {
  /** What the last look found, for whoever asks this process how it is. */
  causes(): readonly Cause[];
}

interface Options {
  readonly db: Knex;
  readonly looks: readonly Look[];
  /** None: telling is left to processes that have some. */
  readonly channels: readonly Channel[];
  readonly log: Logger;
}

/** Looks for causes, keeps them, and tells a person. Any number of processes may run it, and one tells. */
export function startWatch({ db, looks, channels, log }: Options): Watch {
  const { look, causes } = openEyes({ db, looks, log });
  const sayWhy = (error: unknown) => log.warn({ reason: messageOf(error) }, 'could not keep or tell alerts');
  const looking = startLoop(async () => {
    await look().catch(sayWhy);
    return BETWEEN_LOOKS_MS;
  });
  // In a loop of its own: while it waited for a channel that does not answer, this process would not look, and others
  // would take what it sees for over.
  const telling = startLoop(async (signal) => {
    if (channels.length > 0) await tellDue({ db, channels, log, signal }).catch(sayWhy);
    return BETWEEN_TELLINGS_MS;
  });
  return {
    causes,
    async stop() {
      await Promise.all([looking.stop(), telling.stop()]);
    },
  };
}

/** What one process sees, look by look. */
export function openEyes({ db, looks, log }: Omit<Options, 'channels'>) {
  let found: readonly Finding[] = [];
  /** When it last began a look that did not see, or keep, everything. */
  let blindAt = Number.NEGATIVE_INFINITY;

  async function look(): Promise<void> {
    const before = blindAt;
    blindAt = performance.now();
    const seen = await Promise.allSettled(looks.map(async (one) => one()));
    found = seen.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    for (const finding of found) {
      const alert = await raise(db, finding).catch((error) => {
        // If it was kept, and the answer alone got lost, no later look takes it for new.
        const { cause, details } = finding;
        log.error({ cause, ...details }, 'an alert could not be kept');
        throw error;
      });
      if (alert !== null) log.error(reportOf(alert), wordsOf(alert).title);
    }
    const blind = seen.find((one) => one.status === 'rejected');
    if (blind) return log.warn({ reason: messageOf(blind.reason) }, 'could not look everywhere for alerts');
    blindAt = before;
    // A process that could not look everywhere does not know that anything is over, and not at once when it can again:
    // after an outage of the database, the first one to look would end alerts that the others could not keep either, and
    // are about to see again.
    if (performance.now() - blindAt < OVER_AFTER_SECONDS * 1_000) return;
    for (const alert of await endUnseen(db)) log.info(reportOf(alert), wordsOf(alert).title);
  }
  return { look, causes: () => [...new Set(found.map(({ cause }) => cause))] };
}

function reportOf({ id, cause, details }: Alert) {
  return { alert: id, cause, ...details };
}
