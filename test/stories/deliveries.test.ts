import { describe, expect, test } from '@jest/globals';
import { openShop } from '../support/shop.ts';
import { type EventJson, events } from '../support/stripe-events.ts';

const shop = await openShop();

const callsFor = (sessionId: string) => shop.receiver.calls.filter(({ id }) => id === sessionId);

test('100 copies of one event at once: one order, one fulfillment, one call', async () => {
  const session = shop.checkout();
  const event = events.completedPaid(session);
  const answers = await Promise.all(Array.from({ length: 100 }, () => shop.service.deliver(event)));
  expect(new Set(answers)).toEqual(new Set([200]));
  const { transitions, fulfillments, events: kept } = await shop.atRest(session.id);
  expect([transitions.length, fulfillments.length, kept.length]).toEqual([1, 1, 1]);
  expect(callsFor(session.id)).toHaveLength(1);
});

test('a redelivery hours later changes nothing', async () => {
  const session = shop.checkout();
  const event = events.completedPaid(session);
  await shop.service.deliver(event);
  const before = await shop.atRest(session.id);
  expect(await shop.service.deliver(event)).toBe(200);
  expect(await shop.rowsOf(session.id)).toEqual(before);
});

describe('whatever order they arrive in', () => {
  const permutations = <T>(items: readonly T[]): T[][] =>
    items.length <= 1
      ? [[...items]]
      : items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));

  type Kind = 'completedUnpaid' | 'asyncSucceeded' | 'asyncFailed';
  test.each(permutations<Kind>(['completedUnpaid', 'asyncSucceeded', 'asyncFailed']))(
    '%s, %s, %s: paid and fulfilled once',
    async (...kinds) => {
      const session = shop.checkout();
      for (const kind of kinds) expect(await shop.service.deliver(events[kind](session))).toBe(200);
      const { order, fulfillments, events: kept } = await shop.atRest(session.id);
      expect(order.status).toBe('paid');
      expect(fulfillments).toMatchObject([{ status: 'fulfilled' }]);
      expect(kept).toHaveLength(3);
      expect(callsFor(session.id)).toHaveLength(1);
    },
  );
});

test('a poison event in a crowd hurts only itself, and is taken once it is no poison any more', async () => {
  await shop.db.raw(`
    create function poison() returns trigger language plpgsql as $$ begin raise 'poison'; end $$;
    create trigger poison before insert on orders for each row
      when (new.client_reference_id = 'poison') execute function poison();
  `);
  const sessions = Array.from({ length: 30 }, () => shop.checkout());
  const poisoned = shop.checkout({ client_reference_id: 'poison' });
  const crowd: EventJson[] = sessions.map((session) => events.completedPaid(session));
  const poison = events.completedPaid(poisoned);
  const answers = await Promise.all([poison, ...crowd].map((event) => shop.service.deliver(event)));
  expect(answers).toEqual([503, ...crowd.map(() => 200)]);
  await Promise.all(sessions.map(({ id }) => shop.atRest(id)));
  expect((await shop.rowsOf(poisoned.id)).order).toBeUndefined();

  await shop.db.raw('drop trigger poison on orders');
  expect(await shop.service.deliver(poison)).toBe(200);
  expect((await shop.atRest(poisoned.id)).fulfillments).toMatchObject([{ status: 'fulfilled' }]);
});
