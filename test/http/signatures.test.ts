import { describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { openPool } from '../../src/db/knex.ts';
import { createApp } from '../../src/http/app.ts';
import { watchSignatures } from '../../src/http/signatures.ts';
import { webhookListener } from '../../src/http/webhook.ts';
import { openLedger } from '../../src/orders/ledger.ts';
import { createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';
import { SECRET, signatureOf, stripeEvent } from '../support/stripe-events.ts';

const { url } = await createTestDatabase();
const seconds = () => Math.floor(Date.now() / 1_000);

/** A webhook whose deliveries come `everySeconds` after each other, as its watch sees it. */
async function watched(
  everySeconds: number,
  act: (
    deliver: (header: ((payload: string) => string) | string, payload?: string) => Promise<unknown>,
  ) => Promise<void>,
) {
  const db = openPool(url, { kind: 'web', max: 2, log: silent });
  const watch = watchSignatures();
  let nth = 0;
  const listener = webhookListener(
    {
      record: openLedger(db),
      secrets: [SECRET],
      livemode: false,
      onDelivery: (delivery) => {
        const later = nth * everySeconds * 1_000;
        nth += 1;
        // The time of its signature passes as well.
        const signature = delivery.signature?.replace(
          /^t=(\d+)/,
          (_, t) => `t=${Math.floor(Number(t) + later / 1_000)}`,
        );
        watch.saw({ ...delivery, signature, at: delivery.at + later });
      },
      log: silent,
    },
    createApp([], silent),
  );
  const invoicePaid = JSON.stringify(stripeEvent('invoice.paid', { id: 'in_1', object: 'invoice' }));
  await act((header, payload = invoicePaid) => {
    const signature = typeof header === 'string' ? header : header(payload);
    return request(listener).post('/webhook').set('Stripe-Signature', signature).send(payload);
  });
  await db.destroy();
  return watch.findings();
}

const right = (payload: string) => signatureOf(payload);
const wrong = (payload: string) => signatureOf(payload, { secret: 'whsec_of_another_endpoint' });
const signedAt = (offset: number) => (payload: string) =>
  signatureOf(payload, { timestamp: seconds() + offset });
const times = async (count: number, act: () => Promise<unknown>) => {
  for (let i = 0; i < count; i += 1) await act();
};

describe('wrong signatures', () => {
  test('five in a row within a minute and more are a finding', async () => {
    const findings = await watched(15, (deliver) => times(5, () => deliver(wrong)));
    expect(findings).toEqual([
      { cause: 'signatures_failing', details: { host: expect.any(String), in_a_row: 5 } },
    ]);
  });

  test('four are not, and a burst is not', async () => {
    expect(await watched(60, (deliver) => times(4, () => deliver(wrong)))).toEqual([]);
    expect(await watched(0.1, (deliver) => times(50, () => deliver(wrong)))).toEqual([]);
    expect(await watched(10, (deliver) => times(5, () => deliver(wrong)))).toEqual([]);
  });

  test.each([
    ['a right one', undefined],
    ['one of what is no event', '{}'],
  ])('%s ends the row', async (_which, payload) => {
    const findings = await watched(60, async (deliver) => {
      await times(5, () => deliver(wrong));
      await deliver(right, payload);
      await times(4, () => deliver(wrong));
    });
    expect(findings).toEqual([]);
  });

  test('a burst after a right one is none either, whatever came before', async () => {
    const findings = await watched(10, async (deliver) => {
      await times(4, () => deliver(wrong));
      await deliver(right);
      await times(5, () => deliver(wrong));
    });
    expect(findings).toEqual([]);
  });

  test('what was not read is not known to have one', async () => {
    const endless = 'x'.repeat(1024 * 1024 + 1);
    expect(await watched(60, (deliver) => times(9, () => deliver(wrong, endless)))).toEqual([]);
  });

  test.each(['', 'nonsense', 't=1,v1=', 't=1,v1=abc', `v1=${'0'.repeat(64)}`])(
    'what is no signature of Stripe is nobody (%j)',
    async (header) => {
      expect(await watched(60, (deliver) => times(9, () => deliver(header)))).toEqual([]);
    },
  );
});

describe('a clock that is off', () => {
  test.each([
    ['ahead, and deliveries are refused', -400, 400],
    ['ahead, and deliveries are taken', -31, 31],
    ['behind', 3_600, -3_600],
  ])('%s: shows in five right signatures in a row', async (_case, offset, ahead) => {
    const findings = await watched(15, (deliver) => times(5, () => deliver(signedAt(offset))));
    expect(findings).toMatchObject([{ cause: 'clock_off', details: { against: 'Stripe' } }]);
    const [{ details } = { details: {} }] = findings;
    expect(Math.abs((details as { seconds: number }).seconds - ahead)).toBeLessThanOrEqual(2);
  });

  test('a delivery that was slow now and then is none', async () => {
    const findings = await watched(60, async (deliver) => {
      await times(4, () => deliver(signedAt(-100)));
      await deliver(right);
      await times(4, () => deliver(signedAt(-100)));
    });
    expect(findings).toEqual([]);
  });
});
