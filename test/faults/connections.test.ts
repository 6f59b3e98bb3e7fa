import { setTimeout as pause } from 'node:timers/promises';
import { test } from '@jest/globals';
import { startSurroundings } from '../support/process.ts';
import { conclude, isLong, openStage } from './support/scene.ts';
import { startSender } from './support/sender.ts';

const ROUNDS = isLong ? 100 : 10;
const surroundings = await startSurroundings();
const { db, stripe, env } = surroundings;

test('a storm that ends every connection of the service again and again', async () => {
  await using service = await openStage(env);
  await using sender = startSender(service.url, stripe);
  await sender.taken(100);
  let ended = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const { rows } = await db.raw(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()`,
    );
    ended += rows.length;
    await pause(200);
  }
  const backAt = [performance.now()];
  await sender.taken(100);
  const done = `${ended} connections, every 200 ms for ${ROUNDS / 5} s`;
  await conclude({ fault: 'pg_terminate_backend', done, sender, surroundings, backAt });
}, 600_000);
