import { expect, test } from '@jest/globals';
import { startSurroundings } from '../support/process.ts';
import { conclude, isLong, openStage, slowly } from './support/scene.ts';
import { startSender } from './support/sender.ts';

const ROUNDS = isLong ? 50 : 3;
const surroundings = await startSurroundings();
const { stripe, receiver, env } = surroundings;

test('SIGKILL of web, worker and both, under load', async () => {
  await using web = await openStage({ ...env, ROLE: 'web' });
  await using worker = await openStage({ ...env, ROLE: 'worker' });
  receiver.answer = slowly;
  const victims = [[web], [worker], [web, worker]];
  await using sender = startSender(web.url, stripe);
  for (let round = 0; round < ROUNDS; round += 1) {
    await sender.taken(100);
    const killed = await Promise.all((victims[round % 3] ?? []).map((one) => one.restart('SIGKILL')));
    for (const { stopped } of killed) expect(stopped).toMatchObject({ code: null, signal: 'SIGKILL' });
  }
  await sender.taken(100);
  const done = `${ROUNDS} times, in turn: web, worker, both`;
  await conclude({ fault: 'SIGKILL', done, sender, surroundings });
}, 600_000);
