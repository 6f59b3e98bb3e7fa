import { expect, test } from '@jest/globals';
import type { News } from '../../src/orders/ledger.ts';
import { rehearsal } from '../../src/reconcile/rehearsal.ts';
import { eventOfApi } from '../../src/stripe/event.ts';
import { createTestDatabase } from '../support/database.ts';
import { checkoutSession, events } from '../support/stripe-events.ts';

const { db } = await createTestDatabase();

test('an event that a page has twice is one', async () => {
  const signed = eventOfApi(events.completedPaid(checkoutSession()));
  const news: News = { source: 'reconcile', signed, request: null };
  const record = rehearsal(db);
  const recorded = await Promise.all([record(news), record(news)]);
  expect(recorded.map(({ duplicate }) => duplicate)).toEqual([false, true]);
});
