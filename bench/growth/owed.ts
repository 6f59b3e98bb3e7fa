import type { Knex } from '../../src/db/knex.ts';
import { fulfillments } from '../../src/fulfillment/fulfill.ts';
import { type Answer, answerOf } from './explain.ts';
import { claimOf } from './questions.ts';

/** Orders that come to be owed and are fulfilled between two looks at the claim, and how often. */
const ORDERS = 50_000;
const TIMES = 4;

/**
 * What a claim costs as settled work piles up that no vacuum has cleared away: the index of what is owed is walked from its
 * old end, and there lies what was settled.
 */
export async function benchOwed(db: Knex) {
  const claims: { settled: number; ms: number; pages: number }[] = [];
  await db.raw('alter table fulfillments set (autovacuum_enabled = off)');
  const before = await updatesOf(db);
  for (let time = 0; time <= TIMES; time += 1) {
    if (time > 0) await liveThrough(db, { first: time * ORDERS, count: ORDERS });
    claims.push({ settled: time * ORDERS, ...(await claimed(db)) });
  }
  const after = await updatesOf(db);
  await db.raw('vacuum fulfillments');
  await db.raw('alter table fulfillments reset (autovacuum_enabled)');
  return {
    // Updates of `fulfillments` that touched no index.
    hot: after.hot - before.hot,
    updates: after.updates - before.updates,
    claims,
    afterVacuum: await claimed(db),
  };
}

async function claimed(db: Knex): Promise<Pick<Answer, 'ms' | 'pages'>> {
  const { ms, pages } = await answerOf(db, claimOf(fulfillments));
  return { ms, pages };
}

/** Owed, claimed, settled: each of these fulfillments becomes what it was before. They were due before all that is due now. */
async function liveThrough(db: Knex, range: { first: number; count: number }): Promise<void> {
  const fulfilled = `id between :first and cast(:first as bigint) + :count - 1 and last_error is null`;
  await db.raw(
    `update fulfillments set status = 'pending', fulfilled_at = null, attempts = 0,
       next_attempt_at = now() - interval '400 days' + id * interval '1 ms'
     where ${fulfilled} and status = 'fulfilled'`,
    range,
  );
  await db.raw(
    `update fulfillments set attempts = 1, next_attempt_at = now() - interval '399 days' + id * interval '1 ms'
     where ${fulfilled} and status = 'pending'`,
    range,
  );
  await db.raw(
    `update fulfillments set status = 'fulfilled', fulfilled_at = now(), next_attempt_at = null
     where ${fulfilled} and status = 'pending'`,
    range,
  );
}

async function updatesOf(db: Knex): Promise<{ updates: number; hot: number }> {
  await db.raw('select pg_stat_force_next_flush()');
  const { rows } = await db.raw(
    `select n_tup_upd as updates, n_tup_hot_upd as hot from pg_stat_user_tables where relname = 'fulfillments'`,
  );
  return rows[0];
}
