import { expect, test } from '@jest/globals';
import { watchRefusals } from '../../src/http/refusals.ts';
import type { Delivery } from '../../src/http/webhook.ts';
import type { Recorded } from '../../src/orders/ledger.ts';

const HOUR_MS = 60 * 60 * 1_000;

const recorded: Recorded = { outcome: 'applied', duplicate: false, order_id: 1, moved_to: 'paid' };

/** A delivery that was refused, unless the overrides say otherwise. */
function delivery(event_id: string | null, overrides: Partial<Delivery> = {}): Delivery {
  return {
    event:
      event_id === null
        ? null
        : { event_id, type: 'checkout.session.completed', checkout_session_id: 'cs_1' },
    recorded: null,
    refusal: 'session_unreadable',
    signature: undefined,
    status: 400,
    at: Date.now(),
    seconds: 0.001,
    waitedSeconds: null,
    ...overrides,
  };
}

/** The event that a person would be told of, once the watch has seen these. */
function toldAfter(...deliveries: Delivery[]): string | undefined {
  const watch = watchRefusals();
  for (const one of deliveries) watch.saw(one);
  const [finding] = watch.findings();
  return finding?.cause === 'event_refused' ? finding.details.event_id : undefined;
}

test('the latest event that was refused is a finding', () => {
  const watch = watchRefusals();
  watch.saw(delivery('evt_1'));
  expect(watch.findings()).toEqual([
    {
      cause: 'event_refused',
      details: { host: expect.any(String), event_id: 'evt_1', code: 'session_unreadable' },
    },
  ]);
  expect(toldAfter(delivery('evt_1'), delivery('evt_2'))).toBe('evt_2');
  expect(toldAfter(delivery('evt_1'), delivery('evt_2'), delivery('evt_1'))).toBe('evt_1');
});

test('one that is taken after all is none any more, and leaves the others', () => {
  const taken = delivery('evt_2', { refusal: null, recorded });
  expect(toldAfter(delivery('evt_2'), taken)).toBeUndefined();
  expect(toldAfter(delivery('evt_1'), delivery('evt_2'), taken)).toBe('evt_1');
});

test('what was not verified, or could not be kept for the moment, is none', () => {
  expect(toldAfter(delivery(null, { refusal: 'signature_invalid' }))).toBeUndefined();
  const unavailable = { refusal: null, status: 503 };
  expect(toldAfter(delivery('evt_1', unavailable))).toBeUndefined();
  expect(toldAfter(delivery('evt_1'), delivery('evt_1', unavailable))).toBe('evt_1');
});

test('it is told for a day', () => {
  const ago = (hours: number) => delivery('evt_1', { at: Date.now() - hours * HOUR_MS });
  expect([toldAfter(ago(23)), toldAfter(ago(25))]).toEqual(['evt_1', undefined]);
});

test('of however many, a hundred are kept in mind', () => {
  const watch = watchRefusals();
  const ids = Array.from({ length: 101 }, (_, n) => `evt_${n}`);
  for (const id of ids) watch.saw(delivery(id));
  for (const id of ids.slice(1)) watch.saw(delivery(id, { refusal: null, recorded }));
  expect(watch.findings()).toEqual([]);
});
