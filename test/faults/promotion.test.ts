import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { openPostgres, serverDir } from '../support/postgres.ts';
import { startSurroundings } from '../support/process.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { conclude, databaseOn, isLong, openStage } from './support/scene.ts';
import { startSender } from './support/sender.ts';
import { promote, startStandby } from './support/standby.ts';

/** Longer than a statement may take, so that PostgreSQL gives up waiting for the standby and commits without it. */
const CUT_OFF_MS = isLong ? 12_000 : 6_000;
const primary = await openPostgres(await serverDir());
await primary.start({ wal_keep_size: '512MB' });
const link = await startTcpProxy(primary.url);
const standby = await startStandby(primary, new URL(link.url));
/** As a floating address does, it leads to whoever is the primary. */
const address = await startTcpProxy(primary.url);
const surroundings = await startSurroundings(databaseOn(address));
const { stripe, env } = surroundings;

test('the standby is cut off, then the primary is lost and the standby promoted', async () => {
  await using service = await openStage(env);
  await using sender = startSender(service.url, stripe);
  await sender.taken(300);

  const cutOffAt = performance.now();
  link.manner = 'swallow';
  link.swallow();
  await pause(CUT_OFF_MS);
  const takenAlone = sender.deliveries.filter(({ status, begunAt }) => status === 200 && begunAt > cutOffAt);

  await primary.end('SIGQUIT');
  await promote(standby);
  address.leadTo(standby.url);
  address.reset();
  const backAt = [performance.now()];
  await sender.taken(300);
  const done = `cut off for ${CUT_OFF_MS / 1_000} s, then promoted; ${takenAlone.length} taken without it`;
  await conclude({ fault: 'failover', done, sender, surroundings, backAt });
  // Nor the redelivery of an event that the primary alone has committed.
  expect(takenAlone).toEqual([]);
}, 600_000);
