import { beforeEach, expect, test } from '@jest/globals';
import { ignoredLiveSessions } from '../../src/orders/ignored.ts';
import { createTestDatabase } from '../support/database.ts';
import { recordEvent } from '../support/news.ts';
import { checkoutSession, type EventJson, events, stripeEvent } from '../support/stripe-events.ts';

const { db } = await createTestDatabase();
beforeEach(() => db.raw('truncate stripe_events, orders cascade'));

const live = (event: EventJson) => ({ ...event, livemode: true });

test('live sessions that a test key ignores are found with the latest event, each once, for a day', async () => {
  await recordEvent(db, live(events.completedPaid(checkoutSession())));
  await db('stripe_events').update({ received_at: db.raw(`now() - interval '25 hours'`) });
  expect(await ignoredLiveSessions(db)).toBeNull();
  const session = checkoutSession();
  await recordEvent(db, live(events.completedUnpaid(session)));
  await recordEvent(db, live(events.completedPaid(checkoutSession())));
  const latest = await recordEvent(db, live(events.asyncSucceeded(session)));
  const { received_at: newest_at } = await db('stripe_events').where({ id: latest }).first();
  expect(await ignoredLiveSessions(db)).toEqual({ count: 2, event_id: latest, newest_at });
});

test('test events are not, nor live ones of types that nobody handles, or about something else', async () => {
  await recordEvent(db, events.completedPaid(checkoutSession()));
  await recordEvent(db, events.completedPaid(checkoutSession({ mode: 'setup' })));
  await recordEvent(db, live(stripeEvent('checkout.session.completed', { id: 'ch_1', object: 'charge' })));
  await recordEvent(
    db,
    live({ ...events.completedPaid(checkoutSession()), type: 'checkout.session.expired' }),
  );
  expect(await ignoredLiveSessions(db)).toBeNull();
});

test('of very many events the newest are looked at', async () => {
  await db.raw(
    `insert into stripe_events (id, type, livemode, created_at, received_at, outcome, payload)
     select 'evt_' || n, 'charge.updated', true, now(), now() - interval '1 minute', 'ignored', '{}'
     from generate_series(1, 1000) as n`,
  );
  const latest = await recordEvent(db, live(events.completedPaid(checkoutSession())));
  expect(await ignoredLiveSessions(db)).toMatchObject({ count: 1, event_id: latest });
});

test('once a live key has taken them there is nothing to find', async () => {
  const event = live(events.completedPaid(checkoutSession({ livemode: true })));
  await recordEvent(db, event);
  expect(await ignoredLiveSessions(db)).toMatchObject({ count: 1 });
  await recordEvent(db, event, { livemode: true });
  expect(await ignoredLiveSessions(db)).toBeNull();
});
