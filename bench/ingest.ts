import { freshDeliveries } from './support/events.ts';
import { type Load, offer, saturate } from './support/load.ts';
import type { Server } from './support/process.ts';
import type { Report, Rig } from './support/rig.ts';
import { median } from './support/statistics.ts';

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

export async function benchIngest(rig: Rig, { rounds }: { rounds: number }): Promise<Report> {
  await using database = await rig.postgres.createDatabase();
  await using ceiling = await rig.startRival('ceiling');
  await using naive = await rig.startRival('naive', [database.url]);
  await using service = await rig.startService(database, 'service', { ROLE: 'web' });
  const servers = { ceiling, naive, service };

  const measure = async (server: Server, count: number, load: (deliveries: Buffer[]) => Promise<Load>) => {
    const deliveries = freshDeliveries(count);
    const before = rig.cpu(server);
    const measured = await load(deliveries);
    const after = rig.cpu(server);
    if (measured.answers[200] !== count)
      throw new Error(`not all were answered 200: ${JSON.stringify(measured.answers)}`);
    const each = (part: keyof typeof after) => Math.round(((after[part] - before[part]) / count) * 1e6);
    return { ...measured, senderUs: each('sender'), serverUs: each('server'), postgresUs: each('postgres') };
  };

  const interleaved = async (
    load: (contestant: Contestant) => Promise<Measured>,
    who: readonly Contestant[],
  ) => {
    const all = Object.fromEntries(who.map((name) => [name, [] as Measured[]])) as Record<
      Contestant,
      Measured[]
    >;
    for (let round = 0; round <= rounds; round += 1) {
      for (const name of who) {
        const measured = await load(name);
        // The first round warms up.
        if (round > 0) all[name].push(measured);
      }
    }
    return Object.fromEntries(who.map((name) => [name, medians(all[name])])) as Record<Contestant, Medians>;
  };

  const saturated = (connections: number, who: readonly Contestant[]) =>
    interleaved(
      (name) =>
        measure(servers[name], AT_FULL_SPEED[name], (deliveries) =>
          saturate({ url: servers[name].url, connections }, deliveries),
        ),
      who,
    );

  const at64 = await saturated(64, contestants);
  const at128 = await saturated(128, ['ceiling', 'service']);
  const at500 = await interleaved(
    (name) =>
      measure(servers[name], 2_000, (deliveries) =>
        offer({ url: servers[name].url, connections: 64 }, deliveries, 500),
      ),
    ['ceiling', 'service'],
  );
  const alone = await interleaved(
    (name) =>
      measure(servers[name], 100, (deliveries) =>
        offer({ url: servers[name].url, connections: 1 }, deliveries, 50),
      ),
    contestants,
  );
  const figures = { rounds, at64, at128, at500, alone };
  return { figures, lines: [JSON.stringify(figures, null, 1)] };
}

type Medians = Record<'perSecond' | 'p50' | 'p99' | 'p999' | 'senderUs' | 'serverUs' | 'postgresUs', number>;

function medians(rounds: readonly Measured[]): Medians {
  const of = (key: keyof Medians) => Number(median(rounds.map((round) => round[key])).toPrecision(4));
  return {
    perSecond: of('perSecond'),
    p50: of('p50'),
    p99: of('p99'),
    p999: of('p999'),
    senderUs: of('senderUs'),
    serverUs: of('serverUs'),
    postgresUs: of('postgresUs'),
  };
}
