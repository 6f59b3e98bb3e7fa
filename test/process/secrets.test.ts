import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { type ServiceProcess, spawnService, startSurroundings } from '../support/process.ts';
import { type EventJson, SECRET, signatureOf } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const { db, env, paidEvent } = await startSurroundings();
/** Some 150 deliveries a second: each restart meets some, and has the machine to itself. */
const BETWEEN_EVENTS_MS = 20;
const NEW_SECRET = 'whsec_test_of_the_endpoint_rolled';

/** One header with a signature of each secret, all of one second, as Stripe writes it while two are good. */
function signedWith(secrets: readonly string[], payload: string): string {
  const timestamp = Math.floor(Date.now() / 1_000);
  const [first = '', ...others] = secrets.map((secret) => signatureOf(payload, { secret, timestamp }));
  return [first, ...others.map((header) => header.replace(/^t=\d+,/, ''))].join(',');
}

/**
 * Stripe, and a load balancer before two processes: it sends on and on, to one process and then to the other, and what was
 * not answered 200 again until it is. `secrets` are those that Stripe signs with now.
 */
function startSender(addresses: (string | null)[]) {
  const sender = {
    secrets: [SECRET] as readonly string[],
    refused: 0,
    ids: [] as string[],
    stop: async () => {},
  };
  let stopped = false;
  let turn = 0;

  async function isTaken(event: EventJson): Promise<boolean> {
    turn += 1;
    const url = addresses[turn % addresses.length];
    if (!url) return false;
    const body = JSON.stringify(event);
    const headers = { 'stripe-signature': signedWith(sender.secrets, body) };
    try {
      const { status } = await fetch(`${url}/webhook`, { method: 'POST', headers, body });
      if (status === 400) sender.refused += 1;
      return status === 200;
    } catch {
      return false;
    }
  }

  async function send(): Promise<void> {
    while (!stopped) {
      const event = paidEvent();
      sender.ids.push(event.id);
      while (!(await isTaken(event))) await pause(20);
      await pause(BETWEEN_EVENTS_MS);
    }
  }

  const sending = [1, 2, 3, 4].map(send);
  sender.stop = async () => {
    stopped = true;
    await Promise.all(sending);
  };
  return sender;
}

const start = (STRIPE_WEBHOOK_SECRET: string) => spawnService({ ...env, ROLE: 'web', STRIPE_WEBHOOK_SECRET });

/** Two processes with this secret, and a way to restart them one after the other. */
async function startTwo(secret: string) {
  const processes: ServiceProcess[] = [await start(secret), await start(secret)];
  const addresses: (string | null)[] = processes.map(({ url }) => url);
  return {
    addresses,
    async restartWith(secrets: string) {
      for (const i of [0, 1]) {
        addresses[i] = null;
        const old = processes[i] as ServiceProcess;
        old.kill('SIGTERM');
        expect(await old.ended).toMatchObject({ code: 0 });
        const next = await start(secrets);
        processes[i] = next;
        addresses[i] = next.url;
      }
    },
    async [Symbol.asyncDispose]() {
      for (const one of processes) await one[Symbol.asyncDispose]();
    },
  };
}

const more = (sender: { ids: string[] }) => {
  const { length } = sender.ids;
  return until('more is sent', () => sender.ids.length > length + 20);
};

async function expectAllKept({ ids }: { ids: readonly string[] }): Promise<void> {
  const kept = await db('stripe_events').whereIn('id', ids).pluck('id');
  expect(kept.toSorted()).toEqual(ids.toSorted());
}

test('a secret that is rolled with both good for a while: no event is lost, and none refused', async () => {
  await using two = await startTwo(SECRET);
  const sender = startSender(two.addresses);
  await more(sender);
  sender.secrets = [NEW_SECRET, SECRET];
  await more(sender);
  await two.restartWith(`${NEW_SECRET},${SECRET}`);
  await more(sender);
  sender.secrets = [NEW_SECRET];
  await more(sender);
  await two.restartWith(NEW_SECRET);
  await more(sender);
  await sender.stop();
  expect(sender.refused).toBe(0);
  await expectAllKept(sender);
});

test('a secret that leaked and is rolled at once: what is refused until the restart is taken after it', async () => {
  await using two = await startTwo(SECRET);
  const sender = startSender(two.addresses);
  await more(sender);
  sender.secrets = [NEW_SECRET];
  await until('deliveries are refused', () => sender.refused > 20);
  await two.restartWith(NEW_SECRET);
  await more(sender);
  await sender.stop();
  await expectAllKept(sender);
});
