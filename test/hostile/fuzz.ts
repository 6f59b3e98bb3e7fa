import { expect } from '@jest/globals';
import fc from 'fast-check';
import type { Knex } from '../../src/db/knex.ts';
import { inconsistencies } from '../support/audit.ts';
import { type HostileRequest, hostileRequest } from './requests.ts';
import { type Exchange, exchange } from './socket.ts';

/**
 * 303 leads a browser to the login of /ops. 408, 413, 417 and 431 are Node's own, of requests that never reach the service;
 * 502 says that Stripe is not there.
 */
const DECLARED = [200, 303, 400, 401, 403, 404, 405, 408, 409, 413, 417, 431, 502, 503];

const PER_BATCH = 500;
const AT_ONCE = 48;

interface Service {
  readonly url: string;
  readonly db: Knex;
}

/**
 * So many hostile requests, the same for the same seed, which stands in every complaint. After each batch what the
 * database holds is compared with what was answered. How often which status was the answer.
 */
export async function fuzz(service: Service, { count, seed }: { count: number; seed: number }) {
  const answered: Record<string, number> = {};
  for (let done = 0; done < count; done += PER_BATCH) {
    const numRuns = Math.min(PER_BATCH, count - done);
    const requests = fc.sample(hostileRequest, { seed: seed + done, numRuns });
    const exchanges = await sendAll(service.url, requests);
    const complaints = requests.flatMap((request, i) => complaintsOf(request, exchanges[i] as Exchange));
    for (const { statuses } of exchanges)
      for (const status of statuses.length === 0 ? ['none'] : statuses)
        answered[status] = (answered[status] ?? 0) + 1;
    expect({ seed, done, complaints, recorded: await misrecorded(service.db, requests, exchanges) }).toEqual({
      seed,
      done,
      complaints: [],
      recorded: [],
    });
  }
  expect(await inconsistencies(service.db)).toEqual([]);
  return answered;
}

async function sendAll(url: string, requests: readonly HostileRequest[]): Promise<readonly Exchange[]> {
  const exchanges: Exchange[] = [];
  const rest = [...requests.entries()];
  const send = async () => {
    for (let next = rest.shift(); next; next = rest.shift()) {
      const [i, request] = next;
      exchanges[i] = await exchange(url, request);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, send));
  return exchanges;
}

function complaintsOf({ kind, whole }: HostileRequest, { statuses, text, closed }: Exchange): string[] {
  const amiss = [
    !closed && 'its connection stayed open',
    whole && statuses.length !== 1 && `it was answered ${statuses.length} times`,
    statuses.some((status) => !DECLARED.includes(status)) && `it was answered ${statuses.join()}`,
    statuses.includes(503) !== /retry-after: \d/i.test(text) && '503 and Retry-After belong together',
    / {4}at |node_modules|\.ts:\d/.test(text) && 'its answer tells of the inside',
  ];
  return amiss.filter((it) => it !== false).map((it) => `${kind}: ${it}`);
}

/** Events that were answered 200 and are not there, or were refused and are. */
async function misrecorded(
  db: Knex,
  requests: readonly HostileRequest[],
  exchanges: readonly Exchange[],
): Promise<string[]> {
  const told = requests.flatMap(({ kind, eventId }, i) => {
    const [status] = exchanges[i]?.statuses ?? [];
    // 503 leaves it open: it may have been committed after the answer.
    return eventId === null || status === 503 ? [] : [{ kind, eventId, status }];
  });
  const rows = await db('stripe_events').whereIn(
    'id',
    told.map(({ eventId }) => eventId),
  );
  const kept = new Set(rows.map(({ id }) => id));
  return told
    .filter(({ eventId, status }) => kept.has(eventId) !== (status === 200))
    .map(({ kind, eventId, status }) => `${kind} (${eventId}) was answered ${status}`);
}
