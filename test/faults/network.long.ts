import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createTestDatabase } from '../support/database.ts';
import { startSurroundings } from '../support/process.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { conclude, openStage } from './support/scene.ts';
import { startSender } from './support/sender.ts';

// Within `npm test`: test/db/knex.test.ts.
const ROUNDS = 5;
const AWAY_MS = 10_000;
const surroundings = await startSurroundings(await createTestDatabase());
const { stripe, env } = surroundings;
const proxy = await startTcpProxy(env.DATABASE_URL);

test('a network that swallows every packet to PostgreSQL, and says nothing', async () => {
  await using service = await openStage({ ...env, DATABASE_URL: proxy.url });
  await using sender = startSender(service.url, stripe);
  const backAt: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await sender.taken(100);
    proxy.manner = 'swallow';
    proxy.swallow();
    await pause(AWAY_MS);
    proxy.manner = 'forward';
    backAt.push(performance.now());
  }
  await sender.taken(100);
  const done = `${ROUNDS} times, for ${AWAY_MS / 1_000} s; connections from before lead nowhere for ever`;
  await conclude({ fault: 'black hole', done, sender, surroundings, backAt });
  expect(sender.deliveries.some(({ status }) => status === 503)).toBe(true);
}, 600_000);
