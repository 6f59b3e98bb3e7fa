import { expect, test } from '@jest/globals';
import { contentsOf } from '../support/database.ts';
import { logOf, spawnService, startSurroundings, type TestProcess } from '../support/process.ts';
import { deliver } from '../support/service.ts';
import { until } from '../support/until.ts';

const { db, receiver, env, paidEvent } = await startSurroundings();

const status = async (url: string) => (await fetch(url)).status;
const fulfilledBy = (process: TestProcess) => logOf(process).filter(({ msg }) => msg === 'fulfilled').length;

test('web records what it is sent, worker fulfils it, and each leaves the rest to the other', async () => {
  await using web = await spawnService({ ...env, ROLE: 'web' });
  const events = [paidEvent(), paidEvent(), paidEvent()];
  for (const event of events) expect(await deliver(web.url, event)).toBe(200);
  expect((await contentsOf(db)).fulfillments).toMatchObject(
    Array(3).fill({ status: 'pending', attempts: 0 }),
  );

  await using worker = await spawnService({ ...env, ROLE: 'worker' });
  expect(await status(`${worker.url}/healthz`)).toBe(200);
  expect(await status(`${worker.url}/readyz`)).toBe(200);
  expect(await deliver(worker.url, paidEvent())).toBe(404);

  await until('all are fulfilled', async () => {
    const { fulfillments } = await contentsOf(db);
    return fulfillments.every(({ status }) => status === 'fulfilled');
  });
  await until('the worker says so', () => fulfilledBy(worker) === 3);
  expect(fulfilledBy(web)).toBe(0);
  expect(receiver.calls.map(({ id }) => id).sort()).toEqual(events.map(({ data }) => data.object.id).sort());
  const { orders, fulfillments } = await contentsOf(db);
  expect(orders).toHaveLength(3);
  expect(fulfillments).toMatchObject(Array(3).fill({ attempts: 1 }));
});
