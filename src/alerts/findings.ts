import { hostname } from 'node:os';
import { clockOffset } from '../db/clock.ts';
import type { Knex } from '../db/knex.ts';
import { fulfillments } from '../fulfillment/fulfill.ts';
import { notifications } from '../notifications/notify.ts';
import { standingConflicts } from '../orders/conflicts.ts';
import { ignoredLiveSessions } from '../orders/ignored.ts';
import { failingList } from '../reconcile/cursors.ts';
import { missedWebhooks } from '../reconcile/missed.ts';
import { type Standing, standingOf } from '../work/standing.ts';
import { type Finding, isClockOff } from './alert.ts';

/** Orders that are owed to customers, and stand still. */
export async function findOrders(db: Knex): Promise<Finding[]> {
  const standing = await standingOf(db, fulfillments);
  const { late, oldest_late, newest_late_at, oldest_seconds } = standing;
  const findings: Finding[] = findDead('fulfillments_dead', standing);
  if (oldest_late !== null && newest_late_at !== null) {
    const minutes = Math.floor((oldest_seconds ?? 0) / 60);
    const details = { count: late, order_id: oldest_late, newest_at: newest_late_at, minutes };
    findings.push({ cause: 'orders_unfulfilled', details });
  }
  return findings;
}

/** Mails that are owed to customers, and stand still. */
export async function findMails(db: Knex): Promise<Finding[]> {
  return findDead('notifications_dead', await standingOf(db, notifications));
}

function findDead(
  cause: 'fulfillments_dead' | 'notifications_dead',
  { dead, oldest_dead, newest_dead_at }: Standing,
): Finding[] {
  if (oldest_dead === null || newest_dead_at === null) return [];
  return [{ cause, details: { count: dead, order_id: oldest_dead, newest_at: newest_dead_at } }];
}

/** Payments that failed after their order was paid, however the events came in. */
export async function findConflicts(db: Knex): Promise<Finding[]> {
  const details = await standingConflicts(db);
  return details === null ? [] : [{ cause: 'payments_conflicting', details }];
}

/** Orders that only reconcile brought: the webhook's endpoint may be missing, disabled or wrong. */
export async function findMissedWebhooks(db: Knex): Promise<Finding[]> {
  const details = await missedWebhooks(db);
  return details === null ? [] : [{ cause: 'webhooks_missed', details }];
}

/** Payments of live mode that a key of test mode leaves alone: the shop went live with the wrong key, or an endpoint is a wrong one. */
export async function findIgnoredLive(db: Knex): Promise<Finding[]> {
  const details = await ignoredLiveSessions(db);
  return details === null ? [] : [{ cause: 'live_events_ignored', details }];
}

/** Whether the worker gets through Stripe's lists: nothing else finds a payment whose webhook was lost. */
export async function findReconcileFailing(db: Knex): Promise<Finding[]> {
  const details = await failingList(db);
  return details === null ? [] : [{ cause: 'reconcile_failing', details }];
}

export async function findClockOff(db: Knex): Promise<Finding[]> {
  const seconds = Math.round(await clockOffset(db));
  if (!isClockOff(seconds)) return [];
  return [{ cause: 'clock_off', details: { host: hostname(), against: 'the database', seconds } }];
}
