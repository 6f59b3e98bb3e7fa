import { afterAll, expect } from '@jest/globals';
import { freePort } from '../../../src/db/embedded/free-port.ts';
import { type Knex, openPool } from '../../../src/db/knex.ts';
import type { TestDatabase } from '../../support/database.ts';
import { silent } from '../../support/log.ts';
import { type Ending, type ServiceProcess, spawnService } from '../../support/process.ts';
import type { Answer, Receiver } from '../../support/receiver.ts';
import { atRest, audit } from './audit.ts';
import { report } from './report.ts';
import { type Sender, servedAgainAfter } from './sender.ts';

/** The long set (`npm run test:faults`) does more of everything, and measures; the fast one runs within `npm test`. */
export const isLong = process.env.FAULTS === 'long';

/** In the long set, what is promised; in the fast one, what a crowded machine keeps as well. In milliseconds. */
const promised = isLong ? { answer: 5_000, servedAgain: 2_000 } : { answer: 10_000, servedAgain: 15_000 };

/** A process of the service at one address, which a test ends and begins anew. */
interface Stage extends AsyncDisposable {
  readonly url: string;
  readonly now: ServiceProcess;
  /** Ends it, and begins it anew. Resolves when it listens, with how the one before ended. */
  restart(
    signal: NodeJS.Signals,
    env?: Readonly<Record<string, string>>,
  ): Promise<{ readonly stopped: Ending & { readonly ms: number } }>;
}

export async function openStage(env: Readonly<Record<string, string>>): Promise<Stage> {
  const own = { PORT: String(await freePort()), ...env };
  let now = await spawnService(own);
  let restarted: Promise<unknown> = Promise.resolve();
  return {
    url: now.url,
    get now() {
      return now;
    },
    restart(signal, more = {}) {
      const restarting = (async () => {
        const since = performance.now();
        now.kill(signal);
        const stopped = { ...(await now.ended), ms: performance.now() - since };
        now = await spawnService({ ...own, ...more });
        return { stopped };
      })();
      restarted = restarting;
      return restarting;
    },
    async [Symbol.asyncDispose]() {
      await restarted.catch(() => {});
      await now[Symbol.asyncDispose]();
    },
  };
}

/** The database of a server that the test maltreats, for itself to look at. */
export function databaseOn({ url }: { readonly url: string }): TestDatabase {
  const db = openPool(url, { kind: 'ops', max: 2, log: silent });
  afterAll(() => db.destroy());
  return { url, db };
}

/** So that a fault finds calls under way: what is killed in the middle of one makes it again. */
export const slowly: Answer = (res) => setTimeout(() => res.writeHead(204).end(), 50);

/**
 * What killed processes hold, and what is in a pause, is due at once: nobody wants to wait for it within `npm test`. Rows are
 * locked in the order of their ids, as by the workers that run meanwhile: in another, both waited in a circle.
 */
async function endLeases(db: Knex): Promise<void> {
  for (const table of ['fulfillments', 'notifications'])
    await db(table)
      .with('pending', db(table).select('id').where({ status: 'pending' }).orderBy('id').forUpdate())
      .whereIn('id', db('pending').select('id'))
      .update({ next_attempt_at: db.fn.now() });
}

interface Ended {
  readonly fault: string;
  /** What was done to the service, in a few words. */
  readonly done: string;
  readonly sender: Sender;
  readonly surroundings: { readonly db: Knex; readonly receiver: Receiver };
  /** When PostgreSQL, or what else was away, was there again. */
  readonly backAt?: readonly number[];
  /** Until nothing is owed any more: killed processes leave leases of 30 s. */
  readonly restWithin?: number;
}

/** The faults are over: all is sent, taken and done; then every row is looked at, told, and expected to be right. */
export async function conclude({
  fault,
  done,
  sender,
  surroundings: { db, receiver },
  backAt = [],
  restWithin = 90,
}: Ended): Promise<void> {
  const { sales, deliveries } = await sender.finish();
  if (!isLong) await endLeases(db);
  await atRest(db, restWithin);
  const { lost, twice } = await audit(db, { sales, calls: receiver.calls });
  const slowest = Math.max(...deliveries.map(({ ms }) => ms));
  const servedAgain = backAt.map((instant) => servedAgainAfter(sender, instant));
  const slowestReturn = Math.max(...servedAgain);
  const withStatus = (wanted: (status: number) => boolean) =>
    deliveries.filter(({ status }) => wanted(status)).length;
  const finding = {
    fault,
    done,
    sessions: sales.length,
    taken: withStatus((status) => status === 200),
    refused: withStatus((status) => status !== 200 && status !== 0),
    broken: withStatus((status) => status === 0),
    slowestMs: Math.round(slowest),
    servedAgainMs: backAt.length > 0 ? Math.round(slowestReturn) : undefined,
    repeatedCalls: receiver.calls.length - new Set(receiver.calls.map(({ id }) => id)).size,
    lost: lost.length,
    twice: twice.length,
  };
  if (isLong) await report(finding);
  expect({ lost: lost.slice(0, 20), twice: twice.slice(0, 20) }).toEqual({ lost: [], twice: [] });
  expect(slowest).toBeLessThanOrEqual(promised.answer);
  expect(slowestReturn).toBeLessThanOrEqual(promised.servedAgain);
}
