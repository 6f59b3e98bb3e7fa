import { beforeEach, expect, test } from '@jest/globals';
import { BadRequest } from '../../src/errors.ts';
import { watchRefusals } from '../../src/http/refusals.ts';
import type { Delivery } from '../../src/http/webhook.ts';
import { createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';
import { insertOrder } from '../support/orders.ts';
import { hold, untilWaiting } from '../support/process.ts';

const { db } = await createTestDatabase();
beforeEach(async () => {
  await db('refused_events').del();
  await db.raw('truncate stripe_events, orders cascade');
});

const HOUR_MS = 60 * 60 * 1_000;
const unreadable = new BadRequest('session_unreadable', 'It says too much.');

/** A delivery that was refused, unless the overrides say otherwise. */
function delivery(event_id: string | null, overrides: Partial<Delivery> = {}): Delivery {
  const event = { event_id, type: 'checkout.session.completed', checkout_session_id: 'cs_1' };
  return {
    event: event_id === null ? null : { ...event, event_id },
    recorded: null,
    refusal: unreadable,
    signature: undefined,
    status: 400,
    at: Date.now(),
    seconds: 0.001,
    waitedSeconds: null,
    ...overrides,
  };
}

const hoursAgo = (hours: number) => ({ at: Date.now() - hours * HOUR_MS });

/** How many events a person is told of, and the latest, once a process has seen these. */
async function toldAfter(...deliveries: Delivery[]) {
  const watch = watchRefusals({ db, log: silent });
  for (const one of deliveries) watch.saw(one);
  const [finding] = await watch.findings();
  return finding?.cause === 'event_refused' ? [finding.details.count, finding.details.event_id] : undefined;
}

async function take(id: string): Promise<void> {
  await db('stripe_events').insert({
    id,
    type: 'checkout.session.completed',
    livemode: false,
    created_at: db.fn.now(),
    outcome: 'applied',
    payload: '{}',
  });
}

test('what is refused is kept, and is a finding in every process from then on', async () => {
  const watch = watchRefusals({ db, log: silent });
  watch.saw(delivery('evt_1', hoursAgo(1)));
  const newest_at = expect.any(Date);
  const details = { count: 1, event_id: 'evt_1', reason: 'It says too much.', newest_at };
  const findings = [{ cause: 'event_refused', details }];
  expect(await watch.findings()).toEqual(findings);
  expect(await watchRefusals({ db, log: silent }).findings()).toEqual(findings);
  expect(await toldAfter(delivery('evt_2'))).toEqual([2, 'evt_2']);
});

test('one that is refused again is still one, told of as long as the last time is no day ago', async () => {
  expect(await toldAfter(delivery('evt_1', hoursAgo(25)))).toBeUndefined();
  expect(await toldAfter(delivery('evt_1', hoursAgo(23)))).toEqual([1, 'evt_1']);
  const refusal = new BadRequest('session_unreadable', 'It still does.');
  expect(await toldAfter(delivery('evt_1', { refusal }), delivery('evt_2', hoursAgo(2)))).toEqual([
    2,
    'evt_1',
  ]);
  // Told late, by another process.
  await toldAfter(delivery('evt_1', { refusal, ...hoursAgo(12) }));
  const [kept] = await db('refused_events').where({ id: 'evt_1' });
  expect(kept).toMatchObject({ checkout_session_id: 'cs_1', reason: 'It still does.' });
  expect(kept.last_refused_at - kept.first_refused_at).toBeCloseTo(25 * HOUR_MS, -5);
});

test('the newest is the one that was kept last, whenever it was refused: another process may be the first to keep', async () => {
  const newestAfter = async (...deliveries: Delivery[]) => {
    const watch = watchRefusals({ db, log: silent });
    for (const one of deliveries) watch.saw(one);
    const [finding] = await watch.findings();
    return Number(finding?.cause === 'event_refused' && finding.details.newest_at);
  };
  const first = await newestAfter(delivery('evt_1', hoursAgo(1)));
  const second = await newestAfter(delivery('evt_2', hoursAgo(2)));
  expect(second).toBeGreaterThan(first);
  expect(await newestAfter(delivery('evt_1'))).toBe(second);
});

test('one that is taken after all is none any more, whoever took it, and leaves the others', async () => {
  await toldAfter(delivery('evt_1', hoursAgo(2)), delivery('evt_2', hoursAgo(1)));
  await take('evt_2');
  expect(await toldAfter()).toEqual([1, 'evt_1']);
  await take('evt_1');
  expect(await toldAfter()).toBeUndefined();
  const reused = delivery('evt_1', { at: Date.now() + HOUR_MS });
  expect(await toldAfter(reused)).toEqual([1, 'evt_1']);
});

test('nothing is missing where the order is paid, whatever told of it', async () => {
  await toldAfter(delivery('evt_1'));
  const { id } = await insertOrder(db, { checkout_session_id: 'cs_1', status: 'awaiting_payment' });
  expect(await toldAfter()).toEqual([1, 'evt_1']);
  await db('orders').where({ id }).update({ status: 'paid', paid_at: db.fn.now() });
  expect(await toldAfter()).toBeUndefined();
});

test('whatever one calls itself is kept as PostgreSQL can keep it', async () => {
  const event = { event_id: 'evt_\0', type: 'of \ud800', checkout_session_id: 'cs_\0' };
  await toldAfter(delivery('evt_', { event }));
  expect(await db('refused_events')).toMatchObject([
    { id: 'evt_\uFFFD', type: 'of \uFFFD', checkout_session_id: 'cs_\uFFFD' },
  ]);
});

test('what was not verified, or could not be kept for the moment, is none', async () => {
  const forged = { refusal: new BadRequest('signature_invalid', 'Forged.') };
  expect(await toldAfter(delivery(null, forged))).toBeUndefined();
  const unavailable = { refusal: null, status: 503 };
  expect(await toldAfter(delivery('evt_1', unavailable))).toBeUndefined();
});

test('one that is refused anew while it is written is written anew', async () => {
  const watch = watchRefusals({ db, log: silent });
  const reasons = () => db('refused_events').orderBy('id').pluck('reason');
  watch.saw(delivery('evt_1', hoursAgo(2)));
  watch.saw(delivery('evt_2'));
  const held = await hold(db, (trx) => trx.raw('lock table refused_events in exclusive mode'));
  const writing = watch.findings();
  await untilWaiting(db, 'worker', 1);
  const refusal = new BadRequest('session_unreadable', 'It still does.');
  watch.saw(delivery('evt_1', { refusal }));
  await held.release();
  await writing;
  expect(await reasons()).toEqual(['It says too much.', 'It says too much.']);
  await watch.findings();
  expect(await reasons()).toEqual(['It still does.', 'It says too much.']);
});

test('while the database is away, refused events wait for it, a thousand at most', async () => {
  const watch = watchRefusals({ db, log: silent });
  for (let n = 0; n < 1_200; n += 1) watch.saw(delivery(`evt_${n}`));
  await db.raw('alter table refused_events rename to away');
  await expect(watch.findings()).rejects.toThrow('does not exist');
  await db.raw('alter table away rename to refused_events');
  expect(await watch.findings()).toMatchObject([{ details: { count: 1_000 } }]);
  expect(await watch.findings()).toMatchObject([{ details: { count: 1_000 } }]);
  watch.saw(delivery('evt_1199'));
  expect(await watch.findings()).toMatchObject([{ details: { count: 1_001, event_id: 'evt_1199' } }]);
});
