import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { startExample } from '../support/example.ts';
import { FULFILLMENT_SECRET } from '../support/receiver.ts';
import { scratchDir } from '../support/scratch-dir.ts';
import { openShop } from '../support/shop.ts';
import { events } from '../support/stripe-events.ts';

const hasPython = spawnSync('python3', ['--version']).status === 0;
const programs = ['receiver-express/server.ts', ...(hasPython ? ['receiver-python/server.py'] : [])];
const receivers = await Promise.all(programs.map(start));

describe.each(receivers)('$program', ({ url, shop, shipmentsOf }) => {
  test('ships what the service says is paid', async () => {
    const session = shop.checkout();
    await shop.service.deliver(events.completedPaid(session));
    const { fulfillments } = await shop.atRest(session.id);
    expect(fulfillments).toMatchObject([{ status: 'fulfilled', attempts: 1 }]);
    expect(shipmentsOf(session.id)).toEqual([
      { description: 'Mug No. 0', quantity: 1 },
      { description: 'Mug No. 1', quantity: 2 },
    ]);
  });

  test('ships once, however often it is told', async () => {
    const calls = Array.from({ length: 20 }, () => fetch(url, signedCall('cs_test_repeated')));
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(Array(20).fill(204));
    expect(shipmentsOf('cs_test_repeated')).toHaveLength(1);
  });

  test.each([
    ['an altered body', (call: Call) => ({ ...call, body: call.body.replace('Mug', 'Car') })],
    [
      'no signature',
      ({ headers: { 'content-type': type }, ...call }: Call) => ({
        ...call,
        headers: { 'content-type': type },
      }),
    ],
    ['an old call', () => signedCall('cs_test_refused', new Date(Date.now() - 400_000))],
    [
      'a time beyond all numbers',
      (call: Call) => ({ ...call, headers: { ...call.headers, 'webhook-timestamp': '9'.repeat(5_000) } }),
    ],
  ])('refuses %s', async (_what, alter) => {
    const { status } = await fetch(url, alter(signedCall('cs_test_refused')));
    expect([status, shipmentsOf('cs_test_refused')]).toEqual([401, []]);
  });
});

async function start(program: string) {
  const cwd = await scratchDir();
  const example = await startExample(program, {
    cwd,
    env: { PORT: '0', FULFILLMENT_SECRET },
    ready: /receiving on (\S+)/,
  });
  afterAll(async () => {
    await example[Symbol.asyncDispose]();
  });
  const [, url = ''] = example.match;
  const db = new DatabaseSync(path.join(cwd, 'shipments.sqlite'), { timeout: 5_000 });
  const shipments = db.prepare(
    'select description, quantity from shipments where checkout_session_id = ? order by rowid',
  );
  const shipmentsOf = (session: string) => shipments.all(session).map((row) => ({ ...row }));
  return { program, url, shop: await openShop({ FULFILLMENT_URL: url }), shipmentsOf };
}

type Call = ReturnType<typeof signedCall>;

function signedCall(session: string, at = new Date()) {
  const data = {
    order: { checkout_session_id: session },
    line_items: [{ description: 'Mug', quantity: 1, product_id: 'prod_mug' }],
  };
  const body = JSON.stringify({ type: 'order.paid', timestamp: at.toISOString(), data });
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'webhook-id': session,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(FULFILLMENT_SECRET).sign(session, at, body),
  };
  return { method: 'POST', headers, body };
}
