import { beforeEach, describe, expect, test } from '@jest/globals';
import { claimDue } from '../../src/reconcile/cursors.ts';
import { contentsOf } from '../support/database.ts';
import { answerJson, closedUrl } from '../support/http.ts';
import { openOps, ops } from '../support/ops.ts';
import { insertOrder } from '../support/orders.ts';
import { type Customer, customerOf, customersSince, endings, secondsAgo } from '../support/outage.ts';
import { run, spawnService, startSurroundings, terminal } from '../support/process.ts';
import { deliver, startTestService } from '../support/service.ts';
import { forbidden } from '../support/stripe-api.ts';
import { checkoutSession, type EventJson, events } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const { db, stripe, receiver, env } = await startSurroundings();
const here = openOps(env);
/** It only takes events. */
const web = await startTestService({ ...env, ROLE: 'web' });
const HOUR = 60 * 60;
const DAY = 24 * HOUR;

beforeEach(async () => {
  receiver.calls.length = 0;
  stripe.forget();
  await db.raw('truncate stripe_events, refused_events, orders, ops_actions cascade');
  await db('reconcile_cursors').update({ position: null, since: db.fn.now() });
});

async function reconcile(...args: string[]) {
  const { ok, data } = await here('reconcile', '--json', ...args);
  return { ok, report: JSON.parse(JSON.stringify(data)) };
}

/** In a process of its own, with the exit code. */
async function reconcileAlone(...args: string[]) {
  const { code, stdout, stderr } = await ops(env, 'reconcile', '--json', ...args);
  expect(stderr).toBe('');
  return { ok: code === 0, report: JSON.parse(stdout) };
}

/** They have come in, in this order. */
async function taken(all: readonly EventJson[]) {
  for (const event of all) expect(await web.deliver(event)).toBe(200);
}

async function statuses(): Promise<Record<string, string>> {
  const rows: { checkout_session_id: string; status: string }[] = await db('orders');
  return Object.fromEntries(rows.map(({ checkout_session_id, status }) => [checkout_session_id, status]));
}

const endingsOf = (customers: readonly Customer[]) =>
  Object.fromEntries(customers.map(({ sessionId, story }) => [sessionId, endings[story]]));
const ending = (customers: readonly Customer[], status: string) =>
  customers.filter(({ story }) => endings[story] === status).map(({ sessionId }) => sessionId);
const eventsOf = (customers: readonly Customer[]) => customers.flatMap((customer) => customer.events);
const cursors = () => db('reconcile_cursors').orderBy('list');
const everything = async () => ({
  ...(await contentsOf(db)),
  actions: await db('ops_actions'),
  cursors: await cursors(),
});

describe('after an outage of three days', () => {
  test('every order is where Stripe has it and fulfilled once, and a second run changes nothing', async () => {
    const old = customersSince(stripe, secondsAgo(4 * DAY), 8);
    await taken(eventsOf(old));
    await db('orders').update({ created_at: db.raw(`now() - interval '4 days'`) });
    const customers = customersSince(stripe, secondsAgo(3 * DAY - HOUR), 240);
    expect(eventsOf(customers).length).toBeGreaterThan(300);

    const { ok, report } = await reconcileAlone('--since', '3d');
    expect(ok).toBe(true);
    expect(await statuses()).toEqual({ ...endingsOf(old), ...endingsOf(customers) });
    expect(report).toMatchObject({
      dry_run: false,
      // Of those that webhooks brought: what came from the API is not asked for again, but for the money that it waits for.
      looked_at: { orders: [...ending(old, 'paid'), ...ending(old, 'awaiting_payment')].length },
      events_missing: eventsOf(customers).length,
      not_at_stripe: [],
      differing: [],
      unrepaired: [],
    });
    const repaired = Object.fromEntries(
      report.orders_behind.map((it: Record<string, string>) => [it.checkout_session_id, it.status]),
    );
    expect(repaired).toEqual(endingsOf(customers));
    expect(await db('stripe_events').where({ outcome: 'ignored' })).toEqual([]);
    const sources = await db('order_transitions')
      .select('source')
      .count()
      .groupBy('source')
      .orderBy('source');
    expect(sources).toEqual([
      { source: 'reconcile', count: expect.any(Number) },
      { source: 'webhook', count: expect.any(Number) },
    ]);

    await using _after = await spawnService(env);
    const paid = ending([...old, ...customers], 'paid');
    await until('nothing is owed any more', async () => {
      const owed = [...(await db('fulfillments')), ...(await db('notifications'))];
      return owed.length > paid.length && owed.every(({ status }) => status !== 'pending');
    });
    expect(receiver.calls.map(({ id }) => id).toSorted()).toEqual(paid.toSorted());
    expect(await db('notifications').where({ kind: 'payment_failed' })).toHaveLength(
      ending([...old, ...customers], 'failed').length,
    );

    const contents = await contentsOf(db);
    const again = await ops(env, 'reconcile', '--since', '3d');
    expect([again.code, again.stdout]).toEqual([
      0,
      expect.stringContaining('Nothing is missing, and nothing differs.'),
    ]);
    expect(await contentsOf(db)).toEqual(contents);
    const dry = await reconcile('--since', '3d', '--dry-run');
    expect(dry).toMatchObject({
      ok: true,
      report: {
        events_missing: 0,
        orders_behind: [],
        looked_at: { orders: ending([...old, ...customers], 'awaiting_payment').length },
      },
    });
  });

  test('a dry run tells the same and changes nothing at all', async () => {
    const customers = customersSince(stripe, secondsAgo(3 * DAY - HOUR), 80);
    const before = await everything();
    const dry = await reconcileAlone('--since', '3d', '--dry-run');
    expect(await everything()).toEqual(before);
    const { ok, report } = await reconcile('--since', '3d');
    expect([dry.ok, ok]).toEqual([true, true]);
    const told = ({ orders_behind, ...rest }: typeof report) => ({
      ...rest,
      orders_behind: new Set(
        orders_behind.map((it: Record<string, string>) => `${it.checkout_session_id} ${it.status}`),
      ),
    });
    const differently = { dry_run: true, since: expect.any(String), events_since: expect.any(String) };
    expect(told(dry.report)).toEqual({ ...told(report), ...differently });
    expect(report.orders_behind).toHaveLength(customers.length);
  });

  test('events that were delivered, and webhooks that come during the run, make no difference', async () => {
    const customers = customersSince(stripe, secondsAgo(3 * DAY - HOUR), 120);
    await using service = await spawnService(env);
    const all = eventsOf(customers);
    for (const event of all.slice(0, 20)) await deliver(service.url, event);
    const [{ ok }, ...answers] = await Promise.all([
      reconcileAlone('--since', '3d'),
      ...all.map((event) => deliver(service.url, event)),
    ]);
    expect([ok, ...new Set(answers)]).toEqual([true, 200]);
    expect(await statuses()).toEqual(endingsOf(customers));
    expect(await db('stripe_events')).toHaveLength(all.length);
    const paid = ending(customers, 'paid');
    await until(
      'all is fulfilled',
      async () => (await db('fulfillments').where({ status: 'fulfilled' })).length === paid.length,
    );
    expect(receiver.calls.map(({ id }) => id).toSorted()).toEqual(paid.toSorted());
  });

  test('a run that is killed is continued by the next one, from its last page', async () => {
    const customers = customersSince(stripe, secondsAgo(3 * DAY - HOUR), 240);
    // The object before the time it begins at.
    customerOf(stripe, 'card', secondsAgo(4 * DAY));
    stripe.fault = () => stripe.requests.filter((it) => it.includes('/v1/events?')).length > 3;
    await using killed = run('src/cli.ts', env, ['reconcile', '--since', '3d']);
    await until(
      'it waits for its third page',
      () => stripe.requests.filter((it) => it.includes('/v1/events?')).length > 3,
    );
    killed.kill('SIGKILL');
    expect(await killed.ended).toEqual({ code: null, signal: 'SIGKILL' });
    const { position } = await db('reconcile_cursors').where({ list: 'events' }).first();
    const taken = await db('stripe_events').count().first();
    expect(taken).toEqual({ count: 200 });

    stripe.fault = () => false;
    stripe.requests.length = 0;
    const { ok, report } = await reconcile();
    expect(ok).toBe(true);
    expect(stripe.requests[0]).toContain(`ending_before=${position}`);
    expect(report.events_missing).toBe(eventsOf(customers).length - 200);
    expect(await statuses()).toEqual(endingsOf(customers));
  });
});

test('a run that asks too often for a while goes on after it', async () => {
  const customers = customersSince(stripe, secondsAgo(HOUR), 4);
  let refusals = 6;
  stripe.fault = (_req, res) => {
    // Each call meets it once, those of the audit too.
    if (stripe.requests.length % 2 === 0 || refusals === 0) return false;
    refusals -= 1;
    answerJson(res, 429, { error: { type: 'invalid_request_error', code: 'rate_limit' } });
    return true;
  };
  expect((await reconcile('--since', '1d')).ok).toBe(true);
  expect(await statuses()).toEqual(endingsOf(customers));
});

test('the worker takes no list over while a run goes through the events, however long that takes', async () => {
  customersSince(stripe, secondsAgo(DAY), 120);
  customerOf(stripe, 'card', secondsAgo(2 * DAY));
  let taken: unknown = 'not tried';
  const meanwhile: Record<number, () => Promise<unknown>> = {
    // Before the first page, and before the second one.
    2: () => db('reconcile_cursors').update({ next_run_at: new Date(0) }),
    4: async () => {
      taken = await claimDue(db, 'checkout_sessions');
    },
  };
  stripe.fault = (_req, res) => {
    const act = meanwhile[stripe.requests.length];
    // It asks again.
    act?.().then(() => answerJson(res, 500, {}));
    return act !== undefined;
  };
  expect((await reconcile('--since', '1d')).ok).toBe(true);
  expect(taken).toBeNull();
});

test('what lies before --since, and was not looked at yet, is left to the next run', async () => {
  const lost = customersSince(stripe, secondsAgo(4 * DAY), 12);
  await db('reconcile_cursors').update({ since: db.raw(`now() - interval '5 days'`) });
  expect(await reconcile('--since', '1m')).toMatchObject({ ok: true, report: { orders_behind: [] } });
  const { ok, report } = await reconcile();
  expect(ok).toBe(true);
  expect(Date.parse(report.since) / 1_000).toBeCloseTo(secondsAgo(5 * DAY), -2);
  expect(await statuses()).toEqual(endingsOf(lost));
});

describe('both ways', () => {
  /** An order as the service makes it of a delivered event, then changed by hand. */
  async function orderOf(customer: Customer, changes: Record<string, unknown> = {}) {
    await taken(customer.events);
    const order = db('orders').where({ checkout_session_id: customer.sessionId });
    if (Object.keys(changes).length > 0) await order.clone().update(changes);
    return (await order.first()).id as number;
  }

  test('what is paid here and not at Stripe is named with its reason, and left as it is', async () => {
    const fine = customerOf(stripe, 'card', secondsAgo(DAY));
    await orderOf(fine);
    const waiting = customerOf(stripe, 'debit open', secondsAgo(DAY));
    const unpaid = await orderOf(waiting, { status: 'paid', paid_at: db.fn.now() });
    const stranger = checkoutSession();
    const unknown = await orderOf({
      sessionId: stranger.id,
      story: 'card',
      events: [events.completedPaid(stranger)],
    });
    const open = checkoutSession({ status: 'open', payment_status: 'unpaid' });
    stripe.keep(open, []);
    const unfinished = await orderOf({
      sessionId: open.id,
      story: 'card',
      events: [events.completedPaid(open)],
    });
    const connected = checkoutSession();
    const event = { ...events.completedPaid(connected), account: 'acct_connected' };
    await orderOf({ sessionId: connected.id, story: 'card', events: [event] });
    const before = await contentsOf(db);
    const { ok, report } = await reconcile();
    expect(ok).toBe(false);
    expect(report.looked_at.orders).toBe(4);
    expect(report.not_at_stripe).toEqual([
      { checkout_session_id: waiting.sessionId, order_id: unpaid, reason: 'its session is unpaid' },
      { checkout_session_id: stranger.id, order_id: unknown, reason: 'Stripe has no such session' },
      { checkout_session_id: open.id, order_id: unfinished, reason: 'its session is not completed' },
    ]);
    expect(await contentsOf(db)).toEqual(before);
  });

  test('an order that was inserted by hand as paid, and owes no fulfilment, is named, and left as it is', async () => {
    await orderOf(customerOf(stripe, 'card', secondsAgo(DAY)));
    const session = checkoutSession();
    stripe.keep(session, []);
    const { id } = await insertOrder(db, { checkout_session_id: session.id });
    const before = await contentsOf(db);
    const { ok, report } = await reconcile();
    const reason = `order ${id} is paid, and owes no fulfilment`;
    expect(report.looked_at.orders).toBe(2);
    expect([ok, report.unrepaired]).toEqual([false, [{ id: session.id, reason }]]);
    expect(await contentsOf(db)).toEqual(before);
  });

  test('an order that waits for its money is named where Stripe has no such session, and left as it is', async () => {
    const gone = checkoutSession({ payment_status: 'unpaid' });
    const customer = {
      sessionId: gone.id,
      story: 'debit open',
      events: [events.completedUnpaid(gone)],
    } as const;
    const order_id = await orderOf(customer, { created_at: db.raw("now() - interval '1 day'") });
    const before = await contentsOf(db);
    const dry = await reconcile('--dry-run');
    const { ok, report } = await reconcile();
    expect([dry.ok, ok]).toEqual([false, false]);
    expect(report.unknown_at_stripe).toEqual([{ checkout_session_id: gone.id, order_id }]);
    expect(dry.report.unknown_at_stripe).toEqual(report.unknown_at_stripe);
    expect(await contentsOf(db)).toEqual(before);
    const { code, stdout } = await ops(env, 'reconcile');
    const named = `Awaiting payment here, and unknown at Stripe: 1\n  ${gone.id}, order ${order_id}\n`;
    expect([code, stdout]).toEqual([1, expect.stringContaining(named)]);
  });

  test('amounts and currencies that differ are named, and left as they are', async () => {
    const customer = customerOf(stripe, 'card', secondsAgo(DAY));
    const order_id = await orderOf(customer, { amount_total: 1, currency: 'eur' });
    const before = await contentsOf(db);
    const { ok, report } = await reconcile();
    const of = { checkout_session_id: customer.sessionId, order_id };
    expect([ok, report.differing]).toEqual([
      false,
      [
        { ...of, field: 'currency', here: 'eur', at_stripe: 'usd' },
        { ...of, field: 'amount_total', here: 1, at_stripe: 6498 },
      ],
    ]);
    expect(await contentsOf(db)).toEqual(before);
    const { code, stdout } = await ops(env, 'reconcile');
    expect([code, stdout]).toEqual([
      1,
      expect.stringContaining(
        `  ${customer.sessionId}, order ${order_id}: amount_total is 1 here, and 6498 at Stripe\n`,
      ),
    ]);
  });

  test('what differs can not steer the terminal', async () => {
    const customer = customerOf(stripe, 'card', secondsAgo(DAY));
    await orderOf(customer, { currency: '\u001b[2J' });
    const { stdout } = await ops(env, 'reconcile');
    expect(stdout).toMatch(/currency is +\[2J here, and usd at Stripe/);
    expect(stdout).not.toContain('\u001b');
  });

  test('nor can the words by which Stripe refuses to answer', async () => {
    stripe.fault = (_req, res) => {
      answerJson(res, 400, { error: { type: 'api_error', message: '\u001b]0;no\u0007 \u202ehere' } });
      return true;
    };
    const { code, stderr } = await ops(env, 'reconcile');
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^Stripe: {2}\]0;no +here\nRepaired until then: 0/),
    ]);
    for (const steers of ['\u001b', '\u0007', '\u202e']) expect(stderr).not.toContain(steers);
  });

  test('a session is found without its event, unless it is open, or unpaid and older than Stripe keeps events', async () => {
    const old = customerOf(stripe, 'card', secondsAgo(40 * DAY));
    customerOf(stripe, 'debit open', secondsAgo(40 * DAY));
    const waiting = customerOf(stripe, 'debit open', secondsAgo(29 * DAY));
    stripe.keep(checkoutSession({ status: 'open', payment_status: 'unpaid', created: secondsAgo(DAY) }), []);
    stripe.fault = (req, res) => {
      if (!req.url?.startsWith('/v1/events')) return false;
      answerJson(res, 200, { object: 'list', data: [], has_more: false });
      return true;
    };
    const { ok, report } = await reconcile('--since', '60d');
    expect(ok).toBe(true);
    expect(await statuses()).toEqual({ [old.sessionId]: 'paid', [waiting.sessionId]: 'awaiting_payment' });
    expect(await db('order_transitions').orderBy('to_status')).toMatchObject([
      { source: 'reconcile', event_id: null, to_status: 'awaiting_payment' },
      { source: 'reconcile', event_id: null, to_status: 'paid' },
    ]);
    expect(Date.parse(report.events_since) - Date.parse(report.since)).toBe(30 * DAY * 1_000);
  });
});

test('an event that was ignored, as the key was one of the other mode then, is understood now', async () => {
  const customer = customerOf(stripe, 'debit failed', secondsAgo(DAY));
  for (const { id, type } of customer.events)
    await db('stripe_events').insert({
      id,
      type,
      livemode: false,
      created_at: new Date(),
      outcome: 'ignored',
    });
  const dry = await reconcile('--dry-run');
  const { ok, report } = await reconcile();
  expect([dry.ok, dry.report.orders_behind.length, dry.report.events_missing]).toEqual([true, 1, 0]);
  expect([ok, report.events_missing]).toEqual([true, 0]);
  expect(await statuses()).toEqual({ [customer.sessionId]: 'failed' });
  const { id } = customer.events.at(-1) as EventJson;
  expect(await db('stripe_events').where({ id }).first()).toMatchObject({ outcome: 'applied' });
});

test('an event that was ignored and still asks for nothing is let be', async () => {
  const setUp = events.completedPaid(checkoutSession({ mode: 'setup' }));
  const event = { ...setUp, created: secondsAgo(DAY) };
  await taken([event]);
  stripe.keepEvent(event, true);
  expect((await reconcile()).report).toMatchObject({ looked_at: { events: 1 }, events_missing: 0 });
  // Not even locked: PostgreSQL notes a lock in the row.
  expect(await db('stripe_events').select('outcome', db.raw('xmax::text'))).toEqual([
    { outcome: 'ignored', xmax: '0' },
  ]);
});

test('an event that moves nothing, since a later one came in, is told of too', async () => {
  const { events } = customerOf(stripe, 'debit paid', secondsAgo(DAY));
  await taken(events.slice(1));
  const told = (done: string) =>
    expect.stringMatching(
      new RegExp(
        `\\nEvents that had not come in \\(${done}\\): 1\\nNo order is missing, and nothing differs\\.$`,
      ),
    );
  expect((await here('reconcile', '--dry-run')).text).toEqual(told('would be recorded'));
  expect((await here('reconcile')).text).toEqual(told('recorded'));
  expect((await here('reconcile')).text).toMatch(/\nNothing is missing, and nothing differs\.$/);
});

test('Stripe is asked by way of a proxy where Node is told of one', async () => {
  const { code, stdout } = await ops(
    { ...env, STRIPE_API_BASE: 'http://stripe.invalid', NODE_USE_ENV_PROXY: '1', HTTP_PROXY: stripe.url },
    'reconcile',
  );
  expect([code, stdout]).toEqual([0, expect.stringContaining('Nothing is missing')]);
  expect(new Set(stripe.requests.map((it) => it.slice(0, 28)))).toEqual(
    new Set(['GET http://stripe.invalid/v1']),
  );
});

describe('how far it is', () => {
  const lists = ['Events', 'Undelivered events', 'Checkout sessions'];
  const lines = lists.map((list) => `${list}: 100% of 100%\n`).join('');

  test('is said in lines where there is no terminal', async () => {
    expect((await ops(env, 'reconcile')).stderr).toBe(lines);
  });

  test('is a bar on a terminal, and lines on one that can draw none', async () => {
    const at = (kind: string) => ops({ ...env, ...terminal('stderr', kind) }, 'reconcile');
    expect((await at('dumb')).stderr).toBe(lines);
    expect((await at('xterm-256color')).stderr).toContain('100%/100%');
  });
});

describe('a clear error', () => {
  test.each(['yesterday', '3', '2026-13-45', '3 d'])('%s is no --since', async (since) => {
    await expect(reconcile('--since', since)).rejects.toThrow('2026-11-25T18:00');
  });

  test('--since can not be in the future', async () => {
    const { code, stderr } = await ops(env, 'reconcile', '--since', '2099-01-01');
    expect([code, stderr]).toEqual([2, expect.stringContaining('in the future')]);
  });

  test.each([
    ['Events', '/v1/events'],
    ['Checkout Sessions', '/v1/checkout/sessions?'],
  ])('a key that may not read %s is told which permission it lacks', async (what, path) => {
    stripe.fault = forbidden(path, "Having the 'rak_x' permission would allow it");
    await expect(reconcile()).rejects.toThrow(`may not read ${what}`);
  });

  test.each([
    [[], () => 'Repaired until then: 1 order\\.'],
    [['--dry-run'], (id: string) => `Paid at Stripe, but not here \\(would be repaired\\): 1\\n  ${id}\\n`],
  ])('where the key may not read Events, sessions are asked for all the same %j', async (args, repairs) => {
    const lost = customerOf(stripe, 'card', secondsAgo(DAY));
    const gone = checkoutSession();
    await taken([events.completedUnpaid(gone)]);
    await db('orders').update({ created_at: db.raw("now() - interval '1 day'") });
    stripe.fault = forbidden('/v1/events');
    const told = `may not read Events.*\\n${repairs(lost.sessionId)}(.|\\n)*unknown at Stripe: 1\\n  ${gone.id}`;
    await expect(reconcile(...args)).rejects.toThrow(new RegExp(told));
    const repaired = args.length === 0 ? { [lost.sessionId]: 'paid' } : {};
    expect(await statuses()).toEqual({ [gone.id]: 'awaiting_payment', ...repaired });
  });

  test('Stripe can not be reached', async () => {
    const { code, stderr } = await ops(
      { ...env, STRIPE_API_BASE: (await closedUrl()).slice(0, -1) },
      'reconcile',
      '--dry-run',
    );
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^Stripe: An error occurred with our connection.* \(connect ECONNREFUSED .*\)\n$/,
      ),
    ]);
  });

  test('the database can not be reached', async () => {
    const { code, stdout, stderr } = await ops(
      { ...env, DATABASE_URL: 'postgres://127.0.0.1:1/none' },
      'reconcile',
    );
    const said = /^No PostgreSQL can be used at DATABASE_URL: .*ECONNREFUSED.*\n$/;
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringMatching(said)]);
  });

  test('what can not be read, an event or a session, is named, and hurts no other', async () => {
    const broken = customerOf(stripe, 'card', secondsAgo(DAY));
    const bad = events.completedPaid({ id: 'cs_test_bad', object: 'checkout.session', amount_total: 'much' });
    stripe.keepEvent({ ...bad, created: secondsAgo(DAY) });
    const worse = checkoutSession({ created: secondsAgo(2 * DAY), currency: 840 });
    stripe.keep(worse, []);
    await reconcile('--dry-run');
    expect(await db('refused_events')).toEqual([]);
    const { ok, report } = await reconcile();
    expect([ok, report.unrepaired]).toEqual([
      false,
      [
        { id: bad.id, reason: expect.stringContaining('amount_total') },
        { id: worse.id, reason: expect.stringContaining('currency') },
      ],
    ]);
    expect(await statuses()).toEqual({ [broken.sessionId]: 'paid' });
    // `show` knows of them, and an alert tells whoever did not read this.
    expect(await db('refused_events').orderBy('id')).toMatchObject([
      { id: worse.id, checkout_session_id: worse.id },
      { id: bad.id, checkout_session_id: 'cs_test_bad' },
    ]);
  });

  test('what a run that breaks off has found is told: the next one goes on behind it', async () => {
    customerOf(stripe, 'card', secondsAgo(2 * HOUR));
    const bad = events.completedPaid(checkoutSession({ amount_total: 'much' }));
    stripe.keepEvent({ ...bad, created: secondsAgo(HOUR) }, true);
    stripe.fault = forbidden('/v1/checkout/sessions');
    const told = new RegExp(
      `^.*may not read Checkout Sessions.*\nRepaired until then: 1 order\\..*\n[^]*${bad.id}: .*amount_total`,
    );
    await expect(reconcile()).rejects.toThrow(told);
    expect(await db('refused_events')).toMatchObject([{ id: bad.id }]);
    stripe.fault = () => false;
    expect(await reconcile()).toMatchObject({ ok: true, report: { unrepaired: [] } });
  });
});
