import { hostname } from 'node:os';
import type { Knex } from 'knex';
import { clockOffset } from '../db/clock.ts';
import { fulfillments } from '../fulfillment/fulfill.ts';
import { notifications } from '../notifications/notify.ts';
import { standingOf } from '../work/standing.ts';
import type { Finding } from './alert.ts';

/** Signatures are good for 300 s; a clock that is this far off is on its way there. */
const OFF_SECONDS = 30;

/** What is owed to customers, and stands still. */
export async function findOwed(db: Knex): Promise<Finding[]> {
  const [orders, mails] = [await standingOf(db, fulfillments), await standingOf(db, notifications)];
  const findings: (Finding | false)[] = [
    orders.oldest_dead !== null && {
      cause: 'fulfillments_dead',
      details: { count: orders.dead, order_id: orders.oldest_dead },
    },
    mails.oldest_dead !== null && {
      cause: 'notifications_dead',
      details: { count: mails.dead, order_id: mails.oldest_dead },
    },
    orders.oldest_late !== null && {
      cause: 'orders_unfulfilled',
      details: {
        count: orders.late,
        order_id: orders.oldest_late,
        minutes: Math.floor((orders.oldest_seconds ?? 0) / 60),
      },
    },
  ];
  return findings.filter((finding) => finding !== false);
}

/** Whether this process and the database agree on the time. */
export async function findClockOff(db: Knex): Promise<Finding[]> {
  const seconds = Math.round(await clockOffset(db));
  if (Math.abs(seconds) <= OFF_SECONDS) return [];
  return [{ cause: 'clock_off', details: { host: hostname(), against: 'the database', seconds } }];
}
