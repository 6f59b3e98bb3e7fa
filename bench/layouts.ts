import { setTimeout as pause } from 'node:timers/promises';
import { audit, complaintsIn, drained, expectSound } from './support/audit.ts';
import { type Delivery, freshDeliveries } from './support/events.ts';
import { expectAnswers, type Load, saturate } from './support/load.ts';
import type { Report, Rig } from './support/rig.ts';
import { type Layout, openStack, type Stack, takers } from './support/stack.ts';
import { longestWait, PROMISED_MS, whileStalled } from './support/stall.ts';
import { medians } from './support/statistics.ts';

const layouts: Readonly<Record<string, Layout>> = {
  '1 all': { all: 1 },
  '1 web, 1 worker': { web: 1, worker: 1 },
  '4 web, 2 workers, nginx': { web: 4, worker: 2, nginx: true },
  '1 all, pgbouncer': { all: 1, pgbouncer: true },
  '4 web, 2 workers, nginx, pgbouncer': { web: 4, worker: 2, nginx: true, pgbouncer: true },
};

/** Deliveries of a round. */
const ROUND = 2_000;
/** Of these, each is delivered to every process at the same time, and more than once. */
const REPEATED = 400;
const STALLED = 200;

/** One process or several, straight to PostgreSQL or through a pooler of transactions: how fast each is, and that each is right. */
export async function benchLayouts(rig: Rig, { rounds }: { rounds: number }): Promise<Report> {
  const figures: Record<string, Measured> = {};
  for (const [name, layout] of Object.entries(layouts)) figures[name] = await measure(rig, layout, rounds);
  return { figures: { rounds, layouts: figures }, lines: Object.entries(figures).map(describe) };
}

type Measured = Awaited<ReturnType<typeof measure>>;

async function measure(rig: Rig, layout: Layout, rounds: number) {
  await using stack = await openStack(rig, layout);
  const deliveries: Delivery[] = [];

  const at64 = await fullSpeed(stack, { connections: 64, rounds }, deliveries);
  const at128 = await fullSpeed(stack, { connections: 128, rounds }, deliveries);
  await deliverRepeatedly(stack, deliveries);
  const owedSeconds = await drained(stack.database, 300);
  await expectRight(stack, deliveries);
  const complaints = stack.processes.flatMap(({ logFile }) => complaintsIn(logFile));
  if (complaints.length > 0) throw new Error(`a log holds more than news:\n${complaints.join('\n')}`);

  const stalled = await stall(stack, deliveries);
  await loseOne(stack, deliveries);
  await drained(stack.database, 60);
  await expectRight(stack, deliveries);
  return { at64, at128, orders: deliveries.length, owedSeconds, stalled };
}

/** The median of some rounds after one that warms up; the workers are busy meanwhile with what it brings. */
async function fullSpeed(
  { url }: Stack,
  { connections, rounds }: { connections: number; rounds: number },
  deliveries: Delivery[],
) {
  const measured: Load[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const fresh = freshDeliveries(ROUND);
    deliveries.push(...fresh);
    const load = await saturate({ url, connections }, fresh);
    expectAnswers(load.answers, 200);
    if (round > 0) measured.push(load);
  }
  return medians(measured, ['perSecond', 'p50', 'p99']);
}

/** The same deliveries at once to each process and, where there is one, through nginx; to a lone process, twice. */
async function deliverRepeatedly({ url, processes }: Stack, deliveries: Delivery[]): Promise<void> {
  const fresh = freshDeliveries(REPEATED);
  deliveries.push(...fresh);
  const doors = [url, ...takers(processes).map((process) => process.url)];
  for (const { answers } of await Promise.all(
    doors.map((door) => saturate({ url: door, connections: 16 }, fresh)),
  ))
    expectAnswers(answers, 200);
}

async function expectRight(stack: Stack, deliveries: readonly Delivery[]): Promise<void> {
  expectSound(await audit(stack.database, deliveries));
  const { calls, orders } = await stack.told();
  if (calls !== deliveries.length || orders !== deliveries.length)
    throw new Error(
      `the receiver was called ${calls} times of ${orders} orders; paid are ${deliveries.length}`,
    );
}

/**
 * Nobody gets at the orders: every delivery is answered 503 in time, and what was given up does not go on waiting in
 * PostgreSQL. Delivered again, they are taken.
 */
async function stall({ url, database }: Stack, deliveries: Delivery[]) {
  const fresh = freshDeliveries(STALLED);
  deliveries.push(...fresh);
  const target = { url, connections: 64 };
  const { slowest, waited } = await whileStalled(database, async () => {
    const { answers, max } = await saturate(target, fresh);
    expectAnswers(answers, 503);
    if (max > PROMISED_MS) throw new Error(`an answer took ${max} ms`);
    await pause(PROMISED_MS);
    return { slowest: max, waited: await longestWait(database) };
  });
  if (waited > PROMISED_MS) throw new Error(`a statement still waits in PostgreSQL after ${waited} ms`);
  expectAnswers((await saturate(target, fresh)).answers, 200);
  return { slowest: Math.round(slowest), waitedInPostgres: waited };
}

/** One of several processes is killed under load: nginx sends what it had to another, and no delivery notices. */
async function loseOne({ url, processes }: Stack, deliveries: Delivery[]): Promise<void> {
  const [victim, ...others] = takers(processes);
  if (!victim || others.length === 0) return;
  const fresh = freshDeliveries(ROUND);
  deliveries.push(...fresh);
  const load = saturate({ url, connections: 64 }, fresh);
  await pause(300);
  process.kill(victim.pid, 'SIGKILL');
  expectAnswers((await load).answers, 200);
}

function describe([name, { at64, at128, orders, owedSeconds, stalled }]: [string, Measured]): string {
  return [
    name.padEnd(36),
    `${at64.perSecond}/s, p99 ${at64.p99} ms at 64 connections;`,
    `${at128.perSecond}/s, p99 ${at128.p99} ms at 128;`,
    `${orders} orders right, the last fulfilled ${owedSeconds.toFixed(1)} s after the load;`,
    `stalled: 503 by ${stalled.slowest} ms`,
  ].join(' ');
}
