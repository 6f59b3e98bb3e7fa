import { setTimeout as pause } from 'node:timers/promises';
import { endlessDeliveries, freshDeliveries } from './support/events.ts';
import { offer, saturate } from './support/load.ts';
import { residentMegabytes } from './support/process.ts';
import type { Report, Rig } from './support/rig.ts';
import { openStack, type Process, type Stack } from './support/stack.ts';
import { whileStalled } from './support/stall.ts';
import { percentile, rounded, slope } from './support/statistics.ts';

const CONNECTIONS = 64;
/** What the heap takes to settle; a shorter run spends a third of itself on it. */
const WARM_UP_MINUTES = 2;
const CROWD = { connections: 3_000, deliveries: 20_000 };

/**
 * What a process holds in memory: over a long run at half load, and while its database stands still and deliveries pour in.
 * It judges nothing by itself, so that ten minutes are not lost to one answer: its figures say it.
 */
export async function benchSoak(rig: Rig, { minutes }: { minutes: number }): Promise<Report> {
  await using stack = await openStack(rig, { all: 1 });
  const [process] = stack.processes as [Process];
  const steady = await halfLoad(stack, process, minutes);
  const crowd = await stalled(stack, process);
  return {
    figures: { minutes, steady, stalled: crowd },
    lines: [
      `${minutes} min at ${steady.offered}/s, half of its ${steady.full}/s: RSS ${steady.megabytesPerMinute} MB/min after the warm-up, ` +
        `at most ${steady.mostMegabytes} MB; p99 ${steady.p99} ms; answers ${JSON.stringify(steady.answers)}`,
      `stalled, ${CROWD.connections} connections: ${crowd.atOnce.count} of ${CROWD.deliveries} had their 503 at once ` +
        `(p50 ${crowd.atOnce.p50} ms, p99 ${crowd.atOnce.p99} ms), ${crowd.waited.count} waited, the longest ${crowd.waited.max} ms; ` +
        `RSS at most ${crowd.mostMegabytes} MB, ${crowd.megabytesLater} MB 10 s later; answers ${JSON.stringify(crowd.answers)}, well again after ${crowd.secondsUntilWell} s`,
    ],
  };
}

async function halfLoad({ url }: Stack, { pid }: Process, minutes: number) {
  const target = { url, connections: CONNECTIONS };
  await saturate(target, freshDeliveries(2_000));
  const full = (await saturate(target, freshDeliveries(6_000))).perSecond;
  const offered = Math.round(full / 2);

  const samples: { minute: number; megabytes: number }[] = [];
  const begin = performance.now();
  const elapsed = () => (performance.now() - begin) / 60_000;
  const sampling = setInterval(
    () => samples.push({ minute: elapsed(), megabytes: residentMegabytes(pid) }),
    1_000,
  );
  const load = await offer(target, lasting(minutes * 60_000), offered);
  clearInterval(sampling);

  const warm = samples.filter(({ minute }) => minute >= Math.min(WARM_UP_MINUTES, minutes / 3));
  return {
    full: Math.round(full),
    offered,
    answers: load.answers,
    p50: rounded(load.p50),
    p99: rounded(load.p99),
    max: rounded(load.max),
    megabytesPerMinute: Number(
      slope(warm.map(({ minute, megabytes }) => [minute, megabytes] as const)).toFixed(2),
    ),
    mostMegabytes: Math.round(Math.max(...samples.map(({ megabytes }) => megabytes))),
    everyTenSeconds: samples
      .filter((_, second) => second % 10 === 0)
      .map(({ megabytes }) => Math.round(megabytes)),
  };
}

function* lasting(milliseconds: number) {
  const end = performance.now() + milliseconds;
  for (const delivery of endlessDeliveries()) {
    if (performance.now() >= end) return;
    yield delivery;
  }
}

/** So many at once that most find no place to wait: they are told so at once, the others in time, and memory stays bounded. */
async function stalled({ url, database }: Stack, { pid }: Process) {
  const target = { url, connections: CONNECTIONS };
  const before = residentMegabytes(pid);
  let most = 0;
  const sampling = setInterval(() => {
    most = Math.max(most, residentMegabytes(pid));
  }, 100);
  const took: number[] = [];
  const load = await whileStalled(database, () =>
    saturate(
      {
        url,
        connections: CROWD.connections,
        onAnswer: (_status, milliseconds) => void took.push(milliseconds),
      },
      freshDeliveries(CROWD.deliveries),
    ),
  );
  clearInterval(sampling);

  const secondsUntilWell = await untilWell(target);
  const wellAgain = await saturate(target, freshDeliveries(2_000));
  await pause(10_000);
  // What found a place waits until the deadline of its answer, and that is 4 s; nothing lies between.
  const atOnce = took.filter((milliseconds) => milliseconds < 3_000);
  const waited = took.filter((milliseconds) => milliseconds >= 3_000);
  return {
    answers: load.answers,
    atOnce: {
      count: atOnce.length,
      p50: rounded(percentile(atOnce, 0.5)),
      p99: rounded(percentile(atOnce, 0.99)),
      max: rounded(Math.max(...atOnce)),
    },
    waited: { count: waited.length, max: rounded(load.max) },
    secondsUntilWell: rounded(secondsUntilWell),
    afterwards: { answers: wellAgain.answers, perSecond: Math.round(wellAgain.perSecond) },
    megabytesBefore: Math.round(before),
    mostMegabytes: Math.round(most),
    megabytesLater: Math.round(residentMegabytes(pid)),
  };
}

/** What was given up may still hold places for a moment. It looks for 30 s. */
async function untilWell(target: { url: string; connections: number }): Promise<number> {
  const begin = performance.now();
  for (;;) {
    const { answers } = await saturate(target, freshDeliveries(CONNECTIONS));
    const seconds = (performance.now() - begin) / 1_000;
    if (answers[200] === CONNECTIONS || seconds > 30) return seconds;
    await pause(100);
  }
}
