import { addAbortListener } from 'node:events';
import type { Knex } from '../db/knex.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { backoffMs } from '../work/backoff.ts';
import { type Alert, newsOf } from './alert.ts';
import type { Channel } from './channels.ts';
import { claimUntold, settleTold } from './store.ts';

/** Telling is never given up, so it is not put off for long either. */
const LONGEST_PAUSE_MS = 10 * 60 * 1_000;

interface Dependencies {
  readonly db: Knex;
  readonly channels: readonly Channel[];
  readonly log: Logger;
  /** The process stops: nobody waits for a channel any more, and another process tells. */
  readonly signal: AbortSignal;
}

/**
 * Tells what there is to tell, each channel that does not know it yet. A process that is killed between a channel's answer
 * and the note of it, or cut off from the database, tells that channel twice.
 */
export async function tellDue({ db, channels, log, signal }: Dependencies): Promise<void> {
  while (!signal.aborted) {
    const alert = await claimUntold(db);
    if (alert === null) return;
    const noteOf = ({ name }: Channel) => `${name}:${newsOf(alert)}`;
    const owed = channels.filter((channel) => !alert.told.includes(noteOf(channel)));
    const reached = await Promise.all(owed.map((channel) => reach(channel, alert, { log, signal })));
    const told = owed.filter((_, i) => reached[i]).map(noteOf);
    const pauseMs =
      told.length === owed.length ? null : Math.min(backoffMs(alert.attempts), LONGEST_PAUSE_MS);
    await settleTold(db, alert, { told, pauseMs });
  }
}

async function reach(
  { name, tell }: Channel,
  alert: Alert,
  { log, signal }: Pick<Dependencies, 'log' | 'signal'>,
): Promise<boolean> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  using _listening = addAbortListener(signal, () => reject(new Error('the process stops')));
  try {
    await Promise.race([tell(alert, signal), stopped]);
    return true;
  } catch (error) {
    log.error({ channel: name, cause: alert.cause, reason: messageOf(error) }, 'an alert could not be told');
    return false;
  }
}
