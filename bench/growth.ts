import { table } from '../src/ops/table.ts';
import { type Answer, answerOf } from './growth/explain.ts';
import { fill } from './growth/fill.ts';
import { benchOwed } from './growth/owed.ts';
import { questionsAbout } from './growth/questions.ts';
import { benchRetention } from './growth/retention.ts';
import { indexSizes, spaceOf, walOf } from './growth/space.ts';
import { freshDeliveries } from './support/events.ts';
import { expectAnswers, saturate } from './support/load.ts';
import type { BenchDatabase } from './support/postgres.ts';
import type { Server } from './support/process.ts';
import type { Report, Rig } from './support/rig.ts';
import { median, medians } from './support/statistics.ts';

/** The goals: ingest beside an empty database, a question in ms, a step of the retention job in ms. */
const GOALS = { ingest: 0.9, question: 50, step: 100 } as const;
const DELIVERIES = 12_000;
/** Rounds until nearly every page of the indexes that are met at random is in memory, and in the log since the checkpoint. */
const WARM_UP = 3;

/** A database of a year and a million orders, beside an empty one. */
export async function benchGrowth(rig: Rig, options: { rounds: number; orders: number }): Promise<Report> {
  const figures = await measure(rig, options);
  const misses = missesOf(figures);
  if (misses.length > 0) process.exitCode = 1;
  const named = figures.answers.map((answer) => ({
    ...answer,
    indexes: answer.indexes.join(', '),
    scanned: answer.scanned.join(', '),
  }));
  return { figures: { ...figures, answers: named, misses }, lines: linesOf(figures, misses) };
}

type Figures = Awaited<ReturnType<typeof measure>>;

async function measure(rig: Rig, { rounds, orders }: { rounds: number; orders: number }) {
  await using filled = await rig.postgres.createDatabase();
  await using empty = await rig.postgres.createDatabase();
  const begin = performance.now();
  await fill(filled.db, orders);
  const fillSeconds = Math.round((performance.now() - begin) / 1_000);
  await filled.db.raw('vacuum analyze');
  await filled.db.raw('checkpoint');
  const space = await spaceOf(filled.db);
  const indexes = await indexSizes(filled.db);

  const answers: Answer[] = [];
  for (const question of await questionsAbout(filled.db)) answers.push(await answerOf(filled.db, question));

  await using onFilled = await rig.startService(filled, 'filled', { ROLE: 'web' });
  await using onEmpty = await rig.startService(empty, 'empty', { ROLE: 'web' });
  const ingest = await ingestOf(rig, { filled: [filled, onFilled], empty: [empty, onEmpty] }, rounds);
  const owed = await benchOwed(filled.db);
  const retention = await benchRetention(filled.db, onFilled, Math.min(rounds, 2));

  return { orders, rounds, fillSeconds, space, indexes, ingest, answers, owed, retention };
}

/** The last two an event: bytes of log, and CPU microseconds of PostgreSQL. */
const FIGURES = ['perSecond', 'p99', 'wal', 'postgresUs'] as const;
type Ingest = Record<(typeof FIGURES)[number], number>;

type Which = 'filled' | 'empty';

/** In turns, so that what else the machine does meets both. */
async function ingestOf(
  rig: Rig,
  on: Readonly<Record<Which, readonly [BenchDatabase, Server]>>,
  rounds: number,
): Promise<Record<Which, Ingest> & { ratio: number; warmUp: Record<Which, Ingest[]> }> {
  const all: Record<Which, Ingest[]> = { filled: [], empty: [] };
  for (let round = 0; round < WARM_UP + rounds; round += 1) {
    const order: Which[] = round % 2 === 0 ? ['filled', 'empty'] : ['empty', 'filled'];
    for (const which of order) {
      const [{ db }, server] = on[which];
      const deliveries = freshDeliveries(DELIVERIES);
      let load = { perSecond: 0, p99: 0 };
      const before = rig.cpu(server).postgres;
      const wal = await walOf(db, async () => {
        const taken = await saturate({ url: server.url, connections: 64 }, deliveries);
        expectAnswers(taken.answers, 200);
        load = taken;
      });
      const postgresUs = ((rig.cpu(server).postgres - before) / DELIVERIES) * 1e6;
      all[which].push({ perSecond: load.perSecond, p99: load.p99, wal: wal / DELIVERIES, postgresUs });
    }
  }
  const warm = { filled: all.filled.splice(WARM_UP), empty: all.empty.splice(WARM_UP) };
  const ratio = median(
    warm.filled.map((filled, round) => filled.perSecond / (warm.empty[round] as Ingest).perSecond),
  );
  return {
    filled: medians(warm.filled, FIGURES),
    empty: medians(warm.empty, FIGURES),
    ratio: Number(ratio.toFixed(3)),
    warmUp: all,
  };
}

function missesOf({ ingest, answers, retention }: Figures): string[] {
  const { longestMs } = retention.withoutRests;
  return [
    ...(ingest.ratio < GOALS.ingest ? [`ingest is at ${ingest.ratio} of an empty database's`] : []),
    ...answers.flatMap(({ name, ms }) => (ms > GOALS.question ? [`${name}: ${ms.toFixed(1)} ms`] : [])),
    ...answers.flatMap(({ name, scanned, indexes }) =>
      scanned.length > 0 || indexes.length === 0 ? [`${name}: scans all of ${scanned.join(', ')}`] : [],
    ),
    ...(longestMs > GOALS.step ? [`a step of the retention job took ${longestMs.toFixed(1)} ms`] : []),
  ];
}

const numbers = (...heads: string[]) => heads.map((head) => ({ head, align: 'right' as const }));
const SPACE = [{ head: 'bytes an order' }, ...numbers('rows', 'outside', 'indexes', 'all')];
const ANSWERS = [{ head: 'question' }, ...numbers('ms', 'pages', 'rows'), { head: 'by' }];

function linesOf(figures: Figures, misses: readonly string[]): string[] {
  const { orders, fillSeconds, space, ingest, answers, owed, retention } = figures;
  const { withoutRests: steps, space: bytes } = retention;
  const perOrder = (bytes: number) => (bytes / orders).toFixed(0);
  const spaces = space.map(({ table: name, rows, outside, indexes }) => [
    name,
    ...[rows, outside, indexes, rows + outside + indexes].map(perOrder),
  ]);
  const asked = answers.map(({ name, ms, pages, rows, indexes }) => [
    name,
    ms.toFixed(1),
    String(pages),
    String(rows),
    indexes.join(', '),
  ]);
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  return [
    `${orders} orders, filled in ${fillSeconds} s`,
    '',
    table(SPACE, spaces, null),
    '',
    `ingest, 64 connections: ${ingest.filled.perSecond}/s beside ${ingest.empty.perSecond}/s into an empty database: ${ingest.ratio}`,
    `  p99 ${ingest.filled.p99.toFixed(1)} ms beside ${ingest.empty.p99.toFixed(1)} ms, log ${ingest.filled.wal} B an event beside ${ingest.empty.wal} B, PostgreSQL ${ingest.filled.postgresUs} us beside ${ingest.empty.postgresUs} us`,
    '',
    table(ANSWERS, asked, null),
    '',
    `claim, while no vacuum comes: ${owed.claims.map(({ settled, ms, pages }) => `${ms.toFixed(1)} ms (${pages} pages) after ${settled} orders`).join(', ')}; ` +
      `${owed.afterVacuum.ms.toFixed(1)} ms after a vacuum. HOT updates: ${owed.hot} of ${owed.updates}`,
    '',
    `retention: ${steps.eventsPerSecond} events/s without rests, ${retention.eventsPerSecond.toFixed(0)}/s with them;`,
    `  a step of ${steps.size}: median ${steps.medianMs.toFixed(1)} ms, p99 ${steps.p99Ms.toFixed(1)} ms, longest ${steps.longestMs.toFixed(1)} ms; log ${steps.walPerEvent} B an event`,
    `  p99 of 500 deliveries a second: ${retention.p99With.toFixed(1)} ms beside ${retention.p99Without.toFixed(1)} ms without the job`,
    `  stripe_events: ${megabytes(bytes.before)}, emptied and vacuumed ${megabytes(bytes.emptied)}, after as many new events ${megabytes(bytes.thenAsManyNewEvents)}`,
    '',
    ...(misses.length > 0 ? misses.map((miss) => `MISSED: ${miss}`) : ['Every goal is met.']),
  ];
}
