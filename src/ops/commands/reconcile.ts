import { Command } from 'commander';
import { typedOption } from '../../command-line.ts';
import { databaseSeconds } from '../../db/clock.ts';
import type { Knex } from '../../db/knex.ts';
import { openLedger } from '../../orders/ledger.ts';
import { keepRefused } from '../../orders/refused.ts';
import { hideProgress, showProgress } from '../../progress.ts';
import { type Held, lookAt, takeOver, USUAL_SECONDS } from '../../reconcile/cursors.ts';
import { nothingFound } from '../../reconcile/findings.ts';
import { audit, EVENTS_REACH, type Run, takeNewEvents, unlessForbidden } from '../../reconcile/reconcile.ts';
import { rehearsal } from '../../reconcile/rehearsal.ts';
import { recordAction } from '../actions.ts';
import type { Describe, Report, Tools } from '../command.ts';
import { type Moment, momentShape, momentsIn, secondsOf } from '../moment.ts';
import { brokenOff, reportOf } from '../reconcile-report.ts';

const help = `
Without --since it goes on where the last run ended, also one that was killed (the first time: 3 days back). With it, what
lies between the last run's end and that moment is left to the next run. Stripe keeps events for 30 days; before that, orders
are found by their checkout sessions alone. Events that Stripe could not deliver are looked at, and counted, once more.

Only the account of STRIPE_SECRET_KEY is looked at, not accounts that are connected to it.

With --json: { dry_run, since, events_since, looked_at: { events, checkout_sessions, orders }, events_missing,
  orders_behind: [{ checkout_session_id, order_id, status }], the status being the one at Stripe,
  not_at_stripe: [{ checkout_session_id, order_id, reason }],
  unknown_at_stripe: [{ checkout_session_id, order_id }],
  differing: [{ checkout_session_id, order_id, field, here, at_stripe }], unrepaired: [{ id, reason }] }

Examples:
  npm run ops -- reconcile --dry-run
  npm run ops -- reconcile --since 3d
  npm run -s ops -- reconcile --since 2026-11-20T18:00 --json

Exit code: 0 all is well or was repaired, 1 something is left for a person. With --dry-run, as the run itself would have it.`;

interface Options {
  readonly since?: Moment;
  readonly dryRun?: boolean;
  readonly json?: true;
}

const past = momentShape().refine(
  (moment) => 'ago' in moment || moment.at.getTime() <= Date.now(),
  'must not be in the future',
);

export const reconcile: Describe = (act) =>
  new Command('reconcile')
    .description('Compares orders with Stripe, both ways, and repairs what is missing here.')
    .option('--since <when>', `from then on: ${momentsIn()}`, typedOption(past))
    .option('--dry-run', 'change nothing, and tell what would be')
    .addHelpText('after', help)
    .action(act(run));

async function run(tools: Tools, { since: given, dryRun = false, json }: Options): Promise<Report> {
  const { db, stripe, config } = tools;
  const now = await databaseSeconds(db);
  const since = given ? secondsOf(given, now) : null;
  const found = nothingFound();
  const run: Run = {
    db,
    stripe,
    record: dryRun ? rehearsal(db) : openLedger(db),
    refuse: dryRun ? async () => {} : (events) => keepRefused(db, events),
    livemode: config.stripe.livemode,
    now,
    reach: now - EVENTS_REACH,
    settledOnly: false,
    found,
    openProgress: json ? hideProgress : showProgress,
    // Whoever wants it to end sooner ends the process.
    signal: new AbortController().signal,
  };
  const { events, sessions } = dryRun ? await lookAtBoth(db, since) : await takeBothOver(tools, since);
  const from = since ?? Math.min(events.since, now - USUAL_SECONDS);
  // Many events take longer than a list is held, so the sessions are kept beside them: else the worker took those over, and the
  // run ended without its audit.
  const keep: Held['keep'] = async (reached) => {
    await events.keep(reached);
    await sessions.keep(null);
  };
  try {
    const forbidden = await takeNewEvents(run, { ...events, keep }).then(events.release, unlessForbidden);
    await audit(run, sessions, from);
    await sessions.release();
    if (forbidden) throw forbidden;
  } catch (error) {
    throw brokenOff(error, found, dryRun);
  }
  return reportOf(found, { dryRun, since: from, eventsSince: Math.max(from, now - EVENTS_REACH) });
}

async function lookAtBoth(db: Knex, since: number | null) {
  return {
    events: await lookAt(db, 'events', since),
    sessions: await lookAt(db, 'checkout_sessions', since),
  };
}

async function takeBothOver({ db, actor }: Tools, since: number | null) {
  return db.transaction(async (trx) => {
    await recordAction(trx, { actor, action: 'reconcile', subject: 'stripe', details: { since } });
    return {
      events: await takeOver(trx, 'events', since, db),
      sessions: await takeOver(trx, 'checkout_sessions', since, db),
    };
  });
}
