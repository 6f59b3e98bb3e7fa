import { databaseSeconds } from '../db/clock.ts';
import { madeAt } from '../db/migrations.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { type Loop, startLoop } from '../loop.ts';
import { keepRefused } from '../orders/refused.ts';
import { hideProgress } from '../progress.ts';
import { claimDue, type ListName, USUAL_SECONDS } from './cursors.ts';
import { type Findings, nothingFound } from './findings.ts';
import { audit, EVENTS_REACH, type Run, takeNewEvents } from './reconcile.ts';

const POLL_MS = 60_000;

interface Dependencies extends Pick<Run, 'db' | 'stripe' | 'record' | 'livemode'> {
  readonly log: Logger;
}

/**
 * What is due, and a minute later again. Any number of processes may run it, and one of them gets a list. The lists don't wait for
 * each other: an audit of many orders takes an hour, and new events are due every 15 minutes. A stop ends a run between two pages.
 */
export function startReconciling(dependencies: Dependencies): Loop[] {
  return (['events', 'checkout_sessions'] as const).map((list) =>
    startLoop(async (signal) => {
      await runIfDue(list, dependencies, signal);
      return POLL_MS;
    }),
  );
}

async function runIfDue(list: ListName, dependencies: Dependencies, signal: AbortSignal): Promise<void> {
  const { db, log } = dependencies;
  const found = nothingFound();
  try {
    const held = await claimDue(db, list);
    if (held === null) return;
    const now = await databaseSeconds(db);
    // What an account did before is another program's, and would be fulfilled again.
    const made = await madeAt(db);
    const reach = Math.max(made, now - EVENTS_REACH);
    const refuse: Run['refuse'] = (events) => keepRefused(db, events);
    const schedule = { now, reach, settledOnly: true, openProgress: hideProgress };
    const run = { ...dependencies, ...schedule, refuse, found, signal };
    if (list === 'events') await takeNewEvents(run, held);
    else await audit(run, held, Math.max(made, now - USUAL_SECONDS));
    await held.release();
  } catch (error) {
    if (!signal.aborted)
      log.warn({ list, reason: messageOf(error) }, 'reconcile broke off, and will go on later');
  } finally {
    tell(found, log);
  }
}

/** An order that came by reconcile has lost its webhook, so a person should know. */
function tell({ behind, notAtStripe, unknownAtStripe, differing, unrepaired }: Findings, log: Logger): void {
  for (const [checkout_session_id, { order_id, status }] of behind)
    log.warn(
      { checkout_session_id, order_id, status },
      'order repaired by reconcile: its webhook did not come',
    );
  for (const [checkout_session_id, { order_id, reason }] of notAtStripe)
    log.error({ checkout_session_id, order_id, reason }, 'order is paid here, but not at Stripe');
  for (const [checkout_session_id, { order_id }] of unknownAtStripe)
    log.error({ checkout_session_id, order_id }, 'order awaits payment, but Stripe has no such session');
  for (const difference of differing) log.error(difference, 'order and checkout session differ');
  for (const [id, reason] of unrepaired) log.error({ id, reason }, 'reconcile can not take this over');
}
