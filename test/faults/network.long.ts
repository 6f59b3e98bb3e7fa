import { setTimeout as pause } from 'node:timers/promises';
import { test } from '@jest/globals';
import { createTestDatabase } from '../support/database.ts';
import { startSurroundings } from '../support/process.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { conclude, openStage } from './support/scene.ts';
import { startSender } from './support/sender.ts';

// Within `npm test`: test/db/knex.test.ts.
const ROUNDS = 5;
/** The shorter cut ends before any statement is given up. */
const cuts = await Promise.all(
  [10_000, 1_000].map(async (ms) => {
    const surroundings = await startSurroundings(await createTestDatabase());
    return { ms, surroundings, proxy: await startTcpProxy(surroundings.env.DATABASE_URL) };
  }),
);

test.each(cuts)(
  'a network that swallows every packet to PostgreSQL for $ms ms, and says nothing',
  async ({ ms, surroundings, proxy }) => {
    const { stripe, env } = surroundings;
    await using service = await openStage({ ...env, DATABASE_URL: proxy.url });
    await using sender = startSender(service.url, stripe);
    const backAt: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await sender.taken(100);
      proxy.manner = 'swallow';
      proxy.swallow();
      await pause(ms);
      proxy.manner = 'forward';
      backAt.push(performance.now());
    }
    await sender.taken(100);
    const done = `${ROUNDS} times, for ${ms / 1_000} s; connections from before lead nowhere for ever`;
    await conclude({ fault: 'black hole', done, sender, surroundings, backAt });
  },
  600_000,
);
