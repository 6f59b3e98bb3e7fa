import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';
import { logOf, startSurroundings } from '../support/process.ts';
import { until } from '../support/until.ts';
import { conclude, isLong, openStage } from './support/scene.ts';
import { startSender } from './support/sender.ts';

const HOUR_MS = 3_600_000;
const COUNT = isLong ? 300 : 30;
/** It is not the load that is tried here: four times as many sales were two thirds of the test's time, and no other finding. */
const LANES = isLong ? 16 : 4;
const surroundings = await startSurroundings();
const { stripe, env } = surroundings;

function offBy(milliseconds: number): Record<string, string> {
  const preload = pathToFileURL(path.join(import.meta.dirname, 'support/clock.ts')).href;
  return { NODE_OPTIONS: `--import ${preload}`, CLOCK_SHIFT_MS: String(milliseconds) };
}

test('the clocks of processes are an hour off, this way and that', async () => {
  await using web = await openStage({ ...env, ROLE: 'web' });
  await using worker = await openStage({ ...env, ROLE: 'worker' });
  await using sender = startSender(web.url, stripe, LANES);
  const said = (msg: string) => logOf(worker.now).filter((line) => line.msg === msg).length;

  // Every signature looks as if it came from the future: that is let pass, as by Stripe's own library.
  await web.restart('SIGTERM', offBy(-HOUR_MS));
  await sender.taken(COUNT);

  await web.restart('SIGTERM', offBy(HOUR_MS));
  const refused = () => sender.deliveries.filter(({ status }) => status === 400).length;
  await until('deliveries are refused as expired', () => refused() >= COUNT);
  await web.restart('SIGTERM');
  await sender.taken(COUNT);

  // The receiver refuses calls that were signed an hour ago or in an hour.
  for (const off of [-HOUR_MS, HOUR_MS]) {
    await worker.restart('SIGTERM', offBy(off));
    await until('the receiver refuses calls', () => said('attempt failed') >= 10);
    await until('mails go out', () => said('sent') > 0);
    expect(
      said('could not renew leases') + said('the lease was lost before the outcome was known to be written'),
    ).toBe(0);
  }
  await worker.restart('SIGTERM');
  await sender.taken(COUNT);
  const done = `web, then worker, -1 h and +1 h; ${refused()} refused as expired`;
  await conclude({ fault: 'clock', done, sender, surroundings, restWithin: 240 });
}, 600_000);
