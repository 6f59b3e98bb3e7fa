import { figure } from '../src/counted.ts';
import { table } from '../src/ops/table.ts';
import { barChart } from './support/chart.ts';
import { freshDeliveries } from './support/events.ts';
import { expectAnswers, type Load, offer, saturate } from './support/load.ts';
import type { BenchDatabase } from './support/postgres.ts';
import type { Server } from './support/process.ts';
import type { Report, Rig } from './support/rig.ts';
import { median, medians, rounded } from './support/statistics.ts';

/** Deliveries of a round: a second or two at full speed. */
const AT_FULL_SPEED = { ceiling: 20_000, service: 12_000, naive: 2_000 } as const;
type Contestant = keyof typeof AT_FULL_SPEED;
const contestants = Object.keys(AT_FULL_SPEED) as Contestant[];

/** A load beside what it cost: CPU microseconds an event of the sender, the server, and PostgreSQL. */
interface Measured extends Load {
  readonly senderUs: number;
  readonly serverUs: number;
  readonly postgresUs: number;
}

/** What each contestant did in the same rounds. */
type Rounds = Record<Contestant, Measured[]>;

/**
 * Deliveries a second of the service whole, as it starts in production, beside two rivals: Express and `constructEvent` and
 * nothing else (the ceiling), and a transaction a delivery (what one writes first). Rounds are interleaved, so that what
 * else the machine does meets all alike; of ratios, those within a round are taken.
 */
export async function benchIngest(rig: Rig, { rounds }: { rounds: number }): Promise<Report> {
  await using forService = await rig.postgres.createDatabase();
  await using forNaive = await rig.postgres.createDatabase();
  await using echo = await rig.startPeer('echo');
  await using ceiling = await rig.startRival('ceiling');
  await using naive = await rig.startRival('naive', [forNaive.url]);
  await using service = await rig.startService(forService, 'service', { ROLE: 'web' });
  const servers = { ceiling, naive, service };
  let taken = 0;

  const measure = async (server: Server, count: number, load: (deliveries: Buffer[]) => Promise<Load>) => {
    const deliveries = freshDeliveries(count);
    const before = rig.cpu(server);
    const measured = await load(deliveries);
    const after = rig.cpu(server);
    expectAnswers(measured.answers, 200);
    if (server === service) taken += count;
    const each = (part: keyof typeof after) => ((after[part] - before[part]) / count) * 1e6;
    return { ...measured, senderUs: each('sender'), serverUs: each('server'), postgresUs: each('postgres') };
  };

  const interleaved = async (
    who: readonly Contestant[],
    load: (contestant: Contestant) => Promise<Measured>,
  ): Promise<Rounds> => {
    const all: Rounds = { ceiling: [], service: [], naive: [] };
    for (let round = 0; round <= rounds; round += 1) {
      for (const name of who) {
        const measured = await load(name);
        // The first round warms up.
        if (round > 0) all[name].push(measured);
      }
    }
    return all;
  };

  const saturated = (connections: number, who: readonly Contestant[]) =>
    interleaved(who, (name) =>
      measure(servers[name], AT_FULL_SPEED[name], (deliveries) =>
        saturate({ url: servers[name].url, connections }, deliveries),
      ),
    );
  const offered = (perSecond: number, count: number, connections: number, who: readonly Contestant[]) =>
    interleaved(who, (name) =>
      measure(servers[name], count, (deliveries) =>
        offer({ url: servers[name].url, connections }, deliveries, perSecond),
      ),
    );

  const sender = await measure(echo, 40_000, (deliveries) =>
    saturate({ url: echo.url, connections: 64 }, deliveries),
  );
  const at64 = await saturated(64, contestants);
  const at128 = await saturated(128, ['ceiling', 'service']);
  const at500 = await offered(500, 2_000, 64, ['ceiling', 'service']);
  const alone = await offered(50, 100, 1, contestants);
  const rows = await audit(forService, taken);

  const ratios = {
    at64: { toCeiling: ratio(at64, 'service', 'ceiling'), toNaive: ratio(at64, 'service', 'naive') },
    at128: { toCeiling: ratio(at128, 'service', 'ceiling') },
  };
  const perEvent = rows / taken;
  const figures = {
    rounds,
    postgres: rig.postgres.version,
    sender: medians([sender], FIGURES),
    ratios,
    rowsPerSecond: rounded(medians(at64.service, FIGURES).perSecond * perEvent),
    at64: mediansOf(at64),
    at128: mediansOf(at128),
    at500: mediansOf(at500),
    alone: mediansOf(alone),
  };
  return {
    figures,
    chart: chartOf(figures),
    lines: [
      ...tableOf('64 connections, as fast as they are answered', figures.at64),
      ...tableOf('128 connections, as fast as they are answered', figures.at128),
      ...tableOf('500 a second offered', figures.at500),
      ...tableOf('one at a time, 50 a second', figures.alone),
      `at 64: ${ratios.at64.toCeiling} of the ceiling, ${ratios.at64.toNaive} times the naive handler; at 128: ${ratios.at128.toCeiling} of the ceiling`,
      `${figures.rowsPerSecond} rows a second committed; ${taken} events taken, each with its order, transition and owed fulfillment`,
      `the sender alone makes ${figures.sender.perSecond} a second against a server that only answers: it is no bottleneck`,
    ],
  };
}

/** Every answer of 200 has its rows, and nothing else has. Returns how many rows there are. */
async function audit({ db }: BenchDatabase, events: number): Promise<number> {
  const { rows } = await db.raw<{ rows: { table: string; count: number }[] }>(`
    select 'stripe_events' as table, count(*) from stripe_events where outcome = 'applied'
    union all select 'orders', count(*) from orders where status = 'paid'
    union all select 'order_transitions', count(*) from order_transitions
    union all select 'fulfillments', count(*) from fulfillments where status = 'pending'`);
  const wrong = rows.filter(({ count }) => count !== events);
  if (wrong.length > 0)
    throw new Error(`${events} events were taken, but there are ${JSON.stringify(wrong)}`);
  return rows.reduce((sum, { count }) => sum + count, 0);
}

function ratio(rounds: Rounds, one: Contestant, other: Contestant): number {
  const each = rounds[one].map(({ perSecond }, n) => perSecond / (rounds[other][n] as Measured).perSecond);
  return Number(median(each).toPrecision(2));
}

const FIGURES = ['perSecond', 'p50', 'p99', 'p999', 'senderUs', 'serverUs', 'postgresUs'] as const;
type Medians = Record<(typeof FIGURES)[number], number>;
type Contest = Partial<Record<Contestant, Medians>>;

function mediansOf(rounds: Rounds): Contest {
  const taken = contestants.filter((name) => rounds[name].length > 0);
  return Object.fromEntries(taken.map((name) => [name, medians(rounds[name], FIGURES)]));
}

const HEADS = ['events/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'sender us', 'server us', 'PostgreSQL us'];
const COLUMNS = [{}, ...HEADS.map((head) => ({ head, align: 'right' as const }))];

function tableOf(title: string, contest: Contest): string[] {
  const rows = Object.entries(contest).map(([name, m]) => {
    const cpu = [m.senderUs, m.serverUs, m.postgresUs].map(Math.round);
    return [name, ...[m.perSecond, m.p50, m.p99, m.p999, ...cpu].map(String)];
  });
  return [title, table(COLUMNS, rows, null), ''];
}

function chartOf({
  at64,
  at128,
  ratios,
}: {
  at64: Contest;
  at128: Contest;
  ratios: { at64: { toCeiling: number }; at128: { toCeiling: number } };
}): string {
  const titles = {
    ceiling: 'Express + constructEvent',
    service: 'this service',
    naive: 'a transaction each',
  };
  const bars = (contest: Contest, toCeiling: number) =>
    contestants.flatMap((name) => {
      const perSecond = contest[name]?.perSecond;
      if (perSecond === undefined) return [];
      const share = name === 'service' ? ` (${toCeiling})` : '';
      return [{ name: titles[name], value: perSecond, label: `${figure(Math.round(perSecond))}/s${share}` }];
    });
  return barChart('Events a second at 64 and 128 connections, everything on two cores', [
    { name: '64', bars: bars(at64, ratios.at64.toCeiling) },
    { name: '128', bars: bars(at128, ratios.at128.toCeiling) },
  ]);
}
