import { ageOf } from '../../age.ts';
import { countUntold, standingBesidesWork } from '../../alerts/store.ts';
import { wordsOf } from '../../alerts/words.ts';
import type { Config } from '../../config.ts';
import { counted } from '../../counted.ts';
import { clockOffset } from '../../db/clock.ts';
import { isDiskFull } from '../../db/errors.ts';
import { unfitBecause } from '../../db/fitness.ts';
import type { Knex } from '../../db/knex.ts';
import { pendingMigrations } from '../../db/migrations.ts';
import { messageOf } from '../../errors.ts';
import { fulfillments } from '../../fulfillment/fulfill.ts';
import { notifications } from '../../notifications/notify.ts';
import { LATE_MINUTES, type Standing, standingOf } from '../../work/standing.ts';
import { compareClocks } from './clock.ts';
import { type Checks, ok, type Verdict, warning, wrong } from './finding.ts';
import { findRights } from './rights.ts';

/** So many of the newest orders and events are looked at: the more there are, the longer it would take to read them all. */
const NEWEST = 1_000;

/** @throws when there is none to ask */
export async function findServer(db: Knex): Promise<Verdict> {
  const { rows } = await db.raw(
    `select current_setting('server_version') as version, current_setting('transaction_read_only') as read_only`,
  );
  const [{ version, read_only }] = rows;
  if (read_only === 'on')
    return wrong(
      `PostgreSQL ${version} takes no changes: DATABASE_URL leads to a standby, or the database is set to be read only`,
    );
  const unfit = (await unfitBecause(db)) ?? (await fullBecause(db));
  return unfit === null ? ok(`PostgreSQL ${version} answers`) : wrong(unfit);
}

/** With a full disk all reads are well, and so are writes that find room in a page. This one wants a page of its own. */
async function fullBecause(db: Knex): Promise<string | null> {
  try {
    await db.transaction((trx) => trx.raw('create temporary table page on commit drop as select 1'));
  } catch (error) {
    // Not that the role may make no such table, say.
    if (isDiskFull(error)) return `PostgreSQL can't write: ${messageOf(error)}. Make room on its disk`;
  }
  return null;
}

interface Subject {
  readonly db: Knex;
  readonly config: Config;
}

export const databaseChecks: Checks<Subject> = {
  migrations: async ({ db }) => {
    const pending = await pendingMigrations(db);
    return pending.length === 0
      ? ok('every migration is there')
      : wrong(
          `${counted(pending.length, 'migration')} missing: run \`npm run migrate\`, or start the service once`,
        );
  },

  rights: ({ db }) => findRights(db),

  "the database's clock": async ({ db }) => compareClocks("the database's", await clockOffset(db)),

  'time limits': async ({ db }) => {
    const { rows } = await db.raw(`select current_setting('statement_timeout') as it`);
    return rows[0].it === '0'
      ? warning('a pooler keeps them from PostgreSQL, and the role has none: see docs/scaling.md, pgbouncer')
      : ok('PostgreSQL keeps them');
  },

  connections: async ({ db, config: { database } }) => {
    const { rows } = await db.raw(
      // PostgreSQL counts those of the role that logs in, whichever it works as. 16 has brought reserved_connections.
      `select least(
         current_setting('max_connections')::int - case when rolsuper then 0 else
           current_setting('superuser_reserved_connections')::int
           + coalesce(current_setting('reserved_connections', true), '0')::int end,
         nullif(rolconnlimit, -1), nullif(datconnlimit, -1)) as granted
       from pg_roles, pg_database
       where rolname = session_user and datname = current_database()`,
    );
    const [{ granted }] = rows;
    return granted < database.poolMax
      ? warning(
          `PostgreSQL grants ${granted}, and DATABASE_POOL_MAX is ${database.poolMax}: unless a pooler shares them out, lower it or raise the limit`,
        )
      : ok(`a process takes ${database.poolMax}, and PostgreSQL grants ${granted}`);
  },

  /** A live endpoint gets test events of connected accounts as well: https://docs.stripe.com/connect/webhooks. */
  'live and test': async ({ db, config: { stripe } }) => {
    const { rows } = await db.raw(
      `select
         exists (
           select from (select livemode from orders order by created_at desc limit :newest) as newest
           where livemode <> :livemode) as orders,
         exists (
           select from (
             select livemode from stripe_events where payload is not null and account is null order by received_at desc limit :newest
           ) as newest
           where livemode <> :livemode) as events`,
      { livemode: stripe.livemode, newest: NEWEST },
    );
    const [{ orders, events }] = rows;
    if (orders && !stripe.livemode)
      return wrong(
        'live orders are here, and no live key: their payments are ignored. Is it the right database?',
      );
    if (orders) return warning('test orders are here beside a live key: give tests a database of their own');
    if (!events) return ok(`only ${stripe.livemode ? 'live' : 'test'} orders and events are here`);
    const other = stripe.livemode ? 'test' : 'live';
    return warning(`${other} events come in and are ignored: an endpoint of ${other} mode sends here`);
  },

  'dead work': async ({ db }) => {
    const owed = await standingOf(db, fulfillments);
    const mails = await standingOf(db, notifications);
    return owed.dead + mails.dead === 0
      ? ok('none')
      : wrong(
          `fulfilments: ${deadOf(owed)}, mails: ${deadOf(mails)}. Once the reason is gone: npm run ops -- retry dead`,
        );
  },

  'waiting orders': async ({ db }) => {
    const { rows } = await db.raw(
      `select orders.id, extract(epoch from now() - paid_at)::float8 as waiting_seconds
       from fulfillments join orders on orders.id = order_id
       where fulfillments.status = 'pending' and paid_at < now() - :most * interval '1 minute'
       order by paid_at
       limit 1`,
      { most: LATE_MINUTES },
    );
    const [oldest] = rows;
    return oldest === undefined
      ? ok(
          `no paid order has waited for its fulfilment for more than ${LATE_MINUTES} minutes, dead ones aside`,
        )
      : wrong(
          `order ${oldest.id} has waited for its fulfilment for ${ageOf(oldest.waiting_seconds)}. Does a worker run? What became of its attempts: npm run ops -- show ${oldest.id}`,
        );
  },

  alerts: async ({ db }) => {
    const standing = (await standingBesidesWork(db)).map(wordsOf);
    const lines = standing.map(({ title, what, todo }) => `${title}. ${what} ${todo}`);
    const untold = await countUntold(db);
    if (untold > 0)
      lines.push(
        `${counted(untold, 'alert')} could not be told by ALERT_WEBHOOK_URL, ALERT_MAIL or both: the service's log has the answer (an alert could not be told)`,
      );
    return lines.length === 0
      ? ok('nothing else that the service has found needs a person')
      : wrong(lines.join('\n'));
  },
};

function deadOf({ dead, oldest_dead }: Standing): string {
  return oldest_dead === null ? 'none' : `${dead} (the first of order ${oldest_dead})`;
}
