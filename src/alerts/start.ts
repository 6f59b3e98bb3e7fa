import type { Config } from '../config.ts';
import type { Knex } from '../db/knex.ts';
import type { Logger } from '../logger.ts';
import { openMailer } from '../notifications/mailer.ts';
import { type Channel, mailChannel, webhookChannel } from './channels.ts';
import {
  findClockOff,
  findConflicts,
  findIgnoredLive,
  findMails,
  findMissedWebhooks,
  findOrders,
  findReconcileFailing,
} from './findings.ts';
import { type Look, startWatch, type Watch } from './watch.ts';

/**
 * What a mail server may take to accept an alert's mail. Short, since an alert is told twice rather than late: with all
 * that comes before, it is less than an alert's lease (store.ts).
 */
const MAIL_ANSWER_TIMEOUT_MS = 10_000;

interface Dependencies {
  readonly db: Knex;
  /** What the process sees of its own deliveries. */
  readonly deliveries: readonly Look[];
  readonly log: Logger;
  readonly opened: AsyncDisposableStack;
}

/** In every process, whatever its role: that no worker runs is what orders wait for most of all. */
export function startAlerts(config: Config, { db, deliveries, log, opened }: Dependencies): Watch {
  const inDatabase = [
    findClockOff,
    findOrders,
    findMails,
    findConflicts,
    findMissedWebhooks,
    findReconcileFailing,
    ...(config.stripe.livemode ? [] : [findIgnoredLive]),
  ];
  const looks = [...deliveries, ...inDatabase.map((find) => () => find(db))];
  return startWatch({ db, looks, channels: openChannels(config, opened), log });
}

function openChannels(config: Config, opened: AsyncDisposableStack): Channel[] {
  const { webhookUrl, mail: to } = config.alerts;
  const shop = config.shop.name;
  const channels = webhookUrl === null ? [] : [webhookChannel(webhookUrl, shop)];
  if (to === null) return channels;
  // Not that of the workers: an alert does not wait behind a backlog of customers' mails.
  const mailer = openMailer(config, MAIL_ANSWER_TIMEOUT_MS);
  opened.defer(() => mailer.close());
  return [...channels, mailChannel({ to, send: mailer.send, shop })];
}
