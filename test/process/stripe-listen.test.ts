import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { inconsistencies } from '../support/audit.ts';
import { closedUrl } from '../support/http.ts';
import { spawnService, startSurroundings, type TestProcess } from '../support/process.ts';
import { deliver } from '../support/service.ts';
import { startStripe } from '../support/stripe-cli.ts';
import { checkoutSession, events, SECRET } from '../support/stripe-events.ts';
import { startStripeEnd } from '../support/stripe-listen.ts';
import { until } from '../support/until.ts';

const { db, receiver, env, paidEvent } = await startSurroundings();
const stripeEnd = await startStripeEnd();

const readme = readFileSync(path.join(import.meta.dirname, '../../README.md'), 'utf8');
/** README's command, with another service than the one on port 4242, and another Stripe. */
function listen(endpoint: string): TestProcess {
  const [, command = ''] = /^npx stripe (listen (?:.*\\\n)*.*)$/m.exec(readme) ?? [];
  const args = command.replace('localhost:4242/webhook', endpoint).split(/[\s\\]+/);
  return startStripe([...args, '--api-base', stripeEnd.url]);
}

/** What a person copies from the terminal. */
const secretOf = ({ written }: TestProcess) =>
  until('stripe listen tells its secret', () => /secret is (whsec_\w+)/.exec(written.stderr)?.[1]);

const untilShown = ({ written }: TestProcess, line: string) =>
  until(`the terminal shows ${line}`, () => written.stdout.includes(line));

test('as README has it: what it forwards at once, in any order and twice, ends as fulfilled orders', async () => {
  // The service is started last, with the secret that was told.
  const { port } = new URL(await closedUrl());
  await using listener = listen(`localhost:${port}/webhook`);
  const STRIPE_WEBHOOK_SECRET = await secretOf(listener);
  await using _service = await spawnService({ ...env, PORT: port, STRIPE_WEBHOOK_SECRET });

  const name = 'Jörg & <Söhne> "佐藤"\u2028';
  const paid = Array.from({ length: 20 }, () => paidEvent());
  const delayed = Array.from({ length: 10 }, () => checkoutSession({ customer_details: { name } }));
  const refused = checkoutSession();
  const sent = [
    ...delayed.map(events.asyncSucceeded),
    ...paid,
    events.asyncFailed(refused),
    ...delayed.map(events.completedUnpaid),
    ...paid,
    events.completedUnpaid(refused),
  ];
  for (const answer of await Promise.all(sent.map(stripeEnd.send))) {
    expect(answer).toMatchObject({
      forward_url: `http://localhost:${port}/webhook`,
      status: 200,
      body: '{"received":true}',
    });
  }

  const ids = paid.map((event) => event.data.object.id as string);
  const orders = await db('orders').select('checkout_session_id', 'status', 'customer_name');
  expect(orders.toSorted((a, b) => a.checkout_session_id.localeCompare(b.checkout_session_id))).toEqual(
    [
      ...ids.map((id) => ({ checkout_session_id: id, status: 'paid', customer_name: 'Jenny Rosen' })),
      ...delayed.map(({ id }) => ({ checkout_session_id: id, status: 'paid', customer_name: name })),
      { checkout_session_id: refused.id, status: 'failed', customer_name: 'Jenny Rosen' },
    ].toSorted((a, b) => a.checkout_session_id.localeCompare(b.checkout_session_id)),
  );
  expect(await inconsistencies(db)).toEqual([]);
  await until('all that Stripe knows are fulfilled', () => receiver.calls.length >= ids.length);
  expect(receiver.calls.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());

  for (const { id, type } of sent) {
    await untilShown(listener, `--> ${type} [${id}]`);
    await untilShown(listener, `<--  [200] POST http://localhost:${port}/webhook [${id}]`);
  }
});

test('beside the Dashboard: with both secrets, what either signs is taken; the path may have a query', async () => {
  const { port } = new URL(await closedUrl());
  const forwardedTo = `localhost:${port}/webhook?from=listen`;
  await using listener = listen(forwardedTo);
  const both = `${SECRET},${await secretOf(listener)}`;
  await using service = await spawnService({ ...env, PORT: port, STRIPE_WEBHOOK_SECRET: both });

  const [dashboards, listened] = [paidEvent(), paidEvent()];
  expect(await deliver(service.url, dashboards)).toBe(200);
  expect(await stripeEnd.send(listened)).toMatchObject({
    forward_url: `http://${forwardedTo}`,
    status: 200,
  });
  const stored = await db('stripe_events').whereIn('id', [dashboards.id, listened.id]);
  expect(stored).toMatchObject([{ outcome: 'applied' }, { outcome: 'applied' }]);
});

test('without its secret, what it forwards is refused, and the terminal says so', async () => {
  await using service = await spawnService(env);
  await using listener = listen(`${new URL(service.url).host}/webhook`);
  await secretOf(listener);

  const event = paidEvent();
  const { status, body } = await stripeEnd.send(event);
  expect([status, JSON.parse(body).error.code]).toEqual([400, 'signature_invalid']);
  await untilShown(listener, `<--  [400] POST ${service.url}/webhook [${event.id}]`);
  expect(await db('stripe_events').where({ id: event.id })).toEqual([]);
});
