import { setTimeout as pause } from 'node:timers/promises';
import { test } from '@jest/globals';
import { openPostgres, serverDir } from '../support/postgres.ts';
import { startSurroundings } from '../support/process.ts';
import { conclude, databaseOn, isLong, openStage } from './support/scene.ts';
import { startSender } from './support/sender.ts';

const ROUNDS = isLong ? 12 : 2;
const AWAY_MS = isLong ? 2_000 : 500;
const postgres = await openPostgres(await serverDir());
await postgres.start();
const surroundings = await startSurroundings(databaseOn(postgres));
const { stripe, env } = surroundings;

test('PostgreSQL is shut down immediately and comes back, under load', async () => {
  await using service = await openStage(env);
  await using sender = startSender(service.url, stripe);
  const backAt: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await sender.taken(200);
    await postgres.end('SIGQUIT');
    await pause(AWAY_MS);
    await postgres.start();
    backAt.push(performance.now());
  }
  await sender.taken(200);
  const done = `${ROUNDS} times immediate, away for ${AWAY_MS} ms and its recovery`;
  await conclude({ fault: 'PostgreSQL restarts', done, sender, surroundings, backAt });
}, 600_000);
