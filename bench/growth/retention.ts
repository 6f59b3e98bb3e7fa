import type { Knex } from '../../src/db/knex.ts';
import { emptyOldPayloads, STEP, startRetention } from '../../src/orders/retention.ts';
import { freshDeliveries } from '../support/events.ts';
import { offer, saturate } from '../support/load.ts';
import { log } from '../support/postgres.ts';
import type { Server } from '../support/process.ts';
import { median, percentile } from '../support/statistics.ts';
import { type Space, spaceOf, walOf } from './space.ts';

const DAYS = 90;
const PER_SECOND = 500;
const SECONDS = 8;
/** Steps without a rest, of which the longest is asked for. */
const STEPS = 600;
const BATCH = 10_000;

/** What the retention job costs: its steps one after the other, and what deliveries notice of it as it runs. */
export async function benchRetention(db: Knex, server: Server, rounds: number) {
  await db.raw('vacuum stripe_events');
  const before = await bytes(db);
  const steps: number[] = [];
  const wal = await walOf(db, async () => {
    for (let step = 0; step < STEPS; step += 1) {
      const begin = performance.now();
      const count = await emptyOldPayloads(db, { days: DAYS, limit: STEP });
      steps.push(performance.now() - begin);
      if (count < STEP) break;
    }
  });
  await db.raw('vacuum stripe_events');
  const emptied = await bytes(db);
  const target = { url: server.url, connections: 64 };
  for (let sent = 0; sent < steps.length * STEP; sent += BATCH)
    await saturate(target, freshDeliveries(BATCH));
  const thenAsManyNewEvents = await bytes(db);

  const deliver = () => offer(target, freshDeliveries(PER_SECOND * SECONDS), PER_SECOND);
  const without: number[] = [];
  const beside: number[] = [];
  const perSecond: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const quiet = await deliver();
    const alreadyEmpty = await emptyEvents(db);
    const retention = startRetention({ db, days: DAYS, log });
    const busy = await deliver();
    await retention.stop();
    if (round === 0) continue;
    without.push(quiet.p99);
    beside.push(busy.p99);
    perSecond.push(((await emptyEvents(db)) - alreadyEmpty) / SECONDS);
  }
  return {
    // 99 of 100 deliveries are answered within so many ms, at 500 a second.
    p99Without: median(without),
    p99With: median(beside),
    // Beside that load, with the rests that the job takes.
    eventsPerSecond: median(perSecond),
    withoutRests: {
      size: STEP,
      eventsPerSecond: Math.round((steps.length * STEP * 1_000) / steps.reduce((sum, ms) => sum + ms, 0)),
      medianMs: median(steps),
      p99Ms: percentile(steps, 0.99),
      longestMs: Math.max(...steps),
      walPerEvent: Math.round(wal / (steps.length * STEP)),
    },
    // Bytes of `stripe_events` with all that belongs to it.
    space: { before, emptied, thenAsManyNewEvents },
  };
}

async function emptyEvents(db: Knex): Promise<number> {
  const { rows } = await db.raw('select count(*) from stripe_events where payload is null');
  return rows[0].count;
}

async function bytes(db: Knex): Promise<number> {
  const { rows, outside, indexes } = (await spaceOf(db)).find(
    ({ table }) => table === 'stripe_events',
  ) as Space;
  return rows + outside + indexes;
}
