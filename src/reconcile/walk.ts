import { isRefused, type List, type Listed, newestFirst, oldestFirst } from '../stripe/lists.ts';
import type { Beginning } from './cursors.ts';

/** Times in seconds since 1970. */
export interface Bounds {
  readonly now: number;
  /** What was created later is left out. */
  readonly upTo: number;
  /** What was created later may still change, or get neighbours that show up late: no cursor moves beyond it. */
  readonly settled: number;
  /** Where to begin again when Stripe does not know the cursor's object any more. */
  readonly reach: number;
}

/** A page, the object to which the cursor may move once it is done, and how much of the way lies behind it then. */
export interface Stage<T> {
  readonly objects: readonly T[];
  readonly reached: T | null;
  readonly percent: number;
}

/**
 * All pages from the beginning on, in the order of time, so that each of them moves the cursor. Stripe pages in this
 * order only from an object on: where the beginning is a time, that is the last object before it. Where Stripe has no
 * such object, as for events of more than 30 days ago, the pages come the newest first, and only the last one moves the
 * cursor.
 */
export async function* walk<T extends Listed>(
  list: List<T>,
  { position, since }: Beginning,
  bounds: Bounds,
): AsyncGenerator<Stage<T>> {
  const begin = position ?? (await lastBefore(list, since));
  if (begin === undefined) return yield* backwards(list, since, bounds);
  try {
    yield* onwards(list, begin, bounds);
  } catch (error) {
    if (!isRefused(error)) throw error;
    // If it was not for its beginning, the way back is refused as well.
    yield* backwards(list, bounds.reach, bounds);
  }
}

async function lastBefore<T extends Listed>(list: List<T>, time: number): Promise<string | undefined> {
  const { data } = await list({ limit: 1, created: { lt: time } });
  // A stand-in for Stripe that ignores the filter gives the newest one, and nothing would be looked at.
  return data.find(({ created }) => created < time)?.id;
}

async function* onwards<T extends Listed>(
  list: List<T>,
  begin: string,
  { now, upTo, settled }: Bounds,
): AsyncGenerator<Stage<T>> {
  let from: number | undefined;
  for await (const objects of oldestFirst(list, begin, { lte: upTo })) {
    from ??= timeOf(objects.at(0));
    const reached = objects.findLast(({ created }) => created <= settled) ?? null;
    yield { objects, reached, percent: percentage(timeOf(objects.at(-1)) - from, now - from) };
  }
}

/** All pages down to a time, the newest first. The last stage, which has no objects, moves the cursor. */
export async function* backwards<T extends Listed>(
  list: List<T>,
  since: number,
  { now, upTo, settled }: Bounds,
): AsyncGenerator<Stage<T>> {
  let reached: T | null = null;
  for await (const objects of newestFirst(list, { gte: since, lte: upTo })) {
    reached ??= objects.find(({ created }) => created <= settled) ?? null;
    yield { objects, reached: null, percent: percentage(now - timeOf(objects.at(-1)), now - since) };
  }
  yield { objects: [], reached, percent: 100 };
}

const timeOf = (object: Listed | undefined) => (object as Listed).created;

function percentage(done: number, all: number): number {
  return all <= 0 ? 100 : Math.min(100, Math.floor((100 * done) / all));
}
