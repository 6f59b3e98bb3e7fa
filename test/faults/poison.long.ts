import { expect, test } from '@jest/globals';
import { startSurroundings } from '../support/process.ts';
import { deliver } from '../support/service.ts';
import { until } from '../support/until.ts';
import { report } from './support/report.ts';
import { openStage, slowly } from './support/scene.ts';

const HEALTHY = 60;
const ATTEMPTS = 6;
const { db, receiver, env, paidEvent } = await startSurroundings();

test('an order that kills each process that attempts it dies alone', async () => {
  await using web = await openStage({ ...env, ROLE: 'web' });
  const [poison, ...healthy] = Array.from({ length: 1 + HEALTHY }, paidEvent);
  for (const event of [poison, ...healthy]) expect(await deliver(web.url, event)).toBe(200);

  const poisonous = poison?.data.object.id;
  await using worker = await openStage({
    ...env,
    ROLE: 'worker',
    FULFILLMENT_MAX_ATTEMPTS: String(ATTEMPTS),
  });
  receiver.answer = (res, call) => {
    if (call.id === poisonous) void worker.restart('SIGKILL');
    else slowly(res, call);
  };
  const statuses = async () => {
    const rows = await db('fulfillments')
      .join('orders', 'orders.id', 'order_id')
      .select('checkout_session_id as id', 'fulfillments.status', 'attempts', 'last_error');
    return {
      ofPoison: rows.find(({ id }) => id === poisonous),
      others: rows.filter(({ id }) => id !== poisonous),
    };
  };
  const { ofPoison, others } = await until(
    'all has come to rest',
    async () => {
      const now = await statuses();
      return [now.ofPoison, ...now.others].every(({ status }) => status !== 'pending') && now;
    },
    400,
  );
  const most = Math.max(...others.map(({ attempts }) => attempts));
  const lost = others.filter(({ status }) => status !== 'fulfilled');
  await report({
    fault: 'poison',
    done: `an order kills its worker ${ATTEMPTS} times and is dead; the ${HEALTHY} others took ${most} attempts at most`,
    sessions: 1 + HEALTHY,
    taken: 1 + HEALTHY,
    repeatedCalls: receiver.calls.length - new Set(receiver.calls.map(({ id }) => id)).size,
    lost: lost.length,
    twice: 0,
  });
  expect(ofPoison).toMatchObject({
    status: 'dead',
    attempts: ATTEMPTS,
    last_error: expect.stringContaining('killed'),
  });
  expect(lost).toEqual([]);
}, 600_000);
