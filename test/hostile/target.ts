import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import { answerJson } from '../support/http.ts';
import { logOf, spawnService, startSurroundings } from '../support/process.ts';
import { deliver } from '../support/service.ts';
import { lineItem } from '../support/stripe-api.ts';
import { checkoutSession } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';
import { TOKEN } from './requests.ts';

/** Of a process that has 140 at rest, and 500 while half a gigabyte of bodies goes through it; without a bound on them, 900. */
const MOST_MEGABYTES = 800;

/** The only reasons for 503 while the database is well, each of which says that too much came at once. */
const DECLARED_REASONS =
  /^(no answer in time|waited too long to be committed|too much waits to be committed|other bodies .*)$/;

/** The surroundings of a service to be attacked, with a Stripe that knows every session. */
export async function prepareTarget() {
  const surroundings = await startSurroundings();
  surroundings.stripe.fault = (req, res) => {
    const [, id] = /sessions\/(cs_test_hostile_\d+)/.exec(req.url ?? '') ?? [];
    if (id === undefined) return false;
    const items = { object: 'list', has_more: false, data: [lineItem(1)] };
    answerJson(res, 200, { ...checkoutSession({ id }), line_items: items });
    return true;
  };
  return { ...surroundings, spawn: () => spawnTarget(surroundings) };
}

async function spawnTarget({ db, env, paidEvent }: Awaited<ReturnType<typeof startSurroundings>>) {
  const service = await spawnService({ ...env, OPS_TOKEN: TOKEN });
  const memory = { most: 0 };
  const watching = setInterval(() => {
    memory.most = Math.max(memory.most, megabytesOf(service.pid));
  }, 200);

  /** After all that was done to it. */
  async function expectUnharmed(): Promise<void> {
    const event = paidEvent();
    expect(await deliver(service.url, event)).toBe(200);
    await until('its order is fulfilled', async () =>
      db('fulfillments').where({ event_id: event.id, status: 'fulfilled' }).first(),
    );
    expect(service.written.stderr).toBe('');
    const refusals = logOf(service).filter(({ msg }) => msg === 'answered 503');
    expect(refusals.filter(({ reason }) => !DECLARED_REASONS.test(String(reason)))).toEqual([]);
    expect(memory.most).toBeLessThan(MOST_MEGABYTES);
  }
  return {
    url: service.url,
    db,
    expectUnharmed,
    async [Symbol.asyncDispose]() {
      clearInterval(watching);
      await service[Symbol.asyncDispose]();
    },
  };
}

/** The most so far, where the system keeps it: a `ps` five times a second took a quarter of the time. */
function megabytesOf(pid: number): number {
  if (process.platform === 'linux')
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)])) / 1024;
}
