import { expect, test } from '@jest/globals';
import { startSurroundings } from '../support/process.ts';
import { conclude, openStage } from './support/scene.ts';
import { startSender } from './support/sender.ts';

const ROUNDS = 10;
const surroundings = await startSurroundings();
const { stripe, env } = surroundings;

// Within `npm test`: test/process/shutdown.test.ts.
test('SIGTERM under load', async () => {
  await using service = await openStage(env);
  await using sender = startSender(service.url, stripe);
  let slowest = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await sender.taken(200);
    const { stopped } = await service.restart('SIGTERM');
    expect(stopped).toMatchObject({ code: 0, signal: null });
    slowest = Math.max(slowest, stopped.ms);
  }
  await sender.taken(200);
  const done = `${ROUNDS} times; the slowest exit took ${Math.round(slowest)} ms`;
  await conclude({ fault: 'SIGTERM', done, sender, surroundings });
  expect(slowest).toBeLessThanOrEqual(10_000);
}, 600_000);
