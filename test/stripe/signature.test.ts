import { describe, expect, test } from '@jest/globals';
import { BadRequest } from '../../src/errors.ts';
import { eventOfApi, sessionIdOf } from '../../src/stripe/event.ts';
import { verifyEvent } from '../../src/stripe/signature.ts';
import { checkoutSession, events, SECRET, signatureOf, stripeEvent } from '../support/stripe-events.ts';

const payload = JSON.stringify(
  events.completedPaid(checkoutSession({ client_reference_id: 'ünï – cart 7' })),
);
const body = Buffer.from(payload);
const now = Math.floor(Date.now() / 1_000);

const refusal = (code: string, message = /./) =>
  expect.objectContaining({ name: 'BadRequest', code, message: expect.stringMatching(message) });
const codeOf = (verify: () => unknown) => {
  try {
    verify();
  } catch (error) {
    return error;
  }
  return 'accepted';
};

/** Plain, since it is asked many thousand times. */
function expectRefused(altered: Buffer, signature: string, code?: string): void {
  const error = codeOf(() => verifyEvent(altered, signature, [SECRET]));
  if (!(error instanceof BadRequest) || (code !== undefined && error.code !== code))
    throw new Error(`not refused, but ${error}: ${signature}, ${altered}`);
}

describe('verifyEvent', () => {
  test('gives the event and its exact text', () => {
    const signed = verifyEvent(body, signatureOf(payload), [SECRET]);
    expect(signed.event).toMatchObject({ type: 'checkout.session.completed', livemode: false });
    expect(signed.payload).toBe(body);
  });

  test('any of several secrets may have signed, in any order', () => {
    const signature = signatureOf(payload, { secret: 'whsec_new' });
    expect(verifyEvent(body, signature, ['whsec_old', 'whsec_new']).payload).toBe(body);
    expect(verifyEvent(body, signature, ['whsec_new', 'whsec_old']).payload).toBe(body);
  });

  test('one right signature among several is enough, as while Stripe rolls a secret', () => {
    const rolled = `${signatureOf(payload)},v1=${'0'.repeat(64)}`;
    expect(verifyEvent(body, rolled, [SECRET]).payload).toBe(body);
  });

  test.each([
    ['none', undefined, 'signature_missing', /Stripe-Signature header/],
    ['empty', '', 'signature_missing', /Stripe-Signature header/],
    ['garbage', 'hello', 'signature_invalid', /No configured secret/],
    ['without a value', `t=${now},v1`, 'signature_invalid', /No configured secret/],
    ['beyond ASCII', `t=${now},v1=${'é'.repeat(64)}`, 'signature_invalid', /No configured secret/],
    [
      'of another secret',
      signatureOf(payload, { secret: 'whsec_x' }),
      'signature_invalid',
      /No configured secret/,
    ],
    [
      'of another scheme',
      signatureOf(payload).replace('v1=', 'v0='),
      'signature_invalid',
      /No configured secret/,
    ],
    [
      '310 s old',
      signatureOf(payload, { timestamp: now - 310 }),
      'signature_expired',
      /tolerance of 300 seconds/,
    ],
  ])('signature %s, whichever of the secrets is asked first', (_case, signature, code, message) => {
    for (const secrets of [
      ['whsec_old', SECRET],
      [SECRET, 'whsec_old'],
    ]) {
      expect(codeOf(() => verifyEvent(body, signature, secrets))).toEqual(refusal(code, message));
    }
  });

  test('a signature of 290 s ago is still good', () => {
    const timestamp = Math.floor(Date.now() / 1_000) - 290;
    expect(verifyEvent(body, signatureOf(payload, { timestamp }), [SECRET]).payload).toBe(body);
  });

  test('no single byte of the body can change: each with one bit turned over, and some to every other value', () => {
    const signature = signatureOf(payload);
    const allOthers = Array.from({ length: 255 }, (_, n) => n + 1);
    const bits = [1, 2, 4, 8, 16, 32, 64, 128];
    for (let at = 0; at < body.length; at += 1) {
      for (const change of at % 50 === 0 ? allOthers : bits) {
        const altered = Buffer.from(body);
        altered.writeUInt8(altered.readUInt8(at) ^ change, at);
        expectRefused(altered, signature, 'signature_invalid');
      }
    }
  });

  test('no byte can be added or taken away, nor a byte order mark put before', () => {
    const signature = signatureOf(payload);
    for (const altered of [
      Buffer.concat([body, Buffer.from(' ')]),
      body.subarray(0, -1),
      body.subarray(1),
      Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body]),
      Buffer.alloc(0),
    ]) {
      expect(codeOf(() => verifyEvent(altered, signature, [SECRET]))).toEqual(refusal('signature_invalid'));
    }
  });

  test('bytes that only read like the signed ones are not the signed ones', () => {
    const text = payload.replace('cart', '\uFFFD');
    const at = Buffer.from(text).indexOf('\uFFFD');
    const altered = Buffer.concat([
      Buffer.from(text).subarray(0, at),
      Buffer.from([0xff]),
      Buffer.from(text).subarray(at + 3),
    ]);
    expect(altered.toString()).toBe(text);
    expect(codeOf(() => verifyEvent(altered, signatureOf(text), [SECRET]))).toEqual(
      refusal('signature_invalid', /not UTF-8/),
    );
  });

  test('no character of the signature can change, to any other one', () => {
    const signature = signatureOf(payload);
    const characters = Array.from({ length: 0xff - 0x20 }, (_, n) => String.fromCharCode(0x20 + n));
    for (let at = 0; at < signature.length; at += 1) {
      for (const other of characters) {
        if (other === signature[at]) continue;
        expectRefused(body, signature.slice(0, at) + other + signature.slice(at + 1));
      }
    }
  });

  const event = (overrides: Record<string, unknown>) =>
    JSON.stringify({ ...JSON.parse(payload), ...overrides });

  test.each([
    [
      'a thin event',
      '{"object":"v2.core.event","id":"evt_1","type":"v1.checkout.session.completed"}',
      'thin',
    ],
    ['no JSON', 'hello', 'no JSON'],
  ])('signed, but nothing that the stripe package takes for an event: %s', (_case, text, what) => {
    const error = codeOf(() => verifyEvent(Buffer.from(text), signatureOf(text), [SECRET]));
    expect(error).toEqual(refusal('not_an_event', new RegExp(`signature is right, .*${what}`)));
  });

  test.each([
    ['null', 'null', 'it'],
    ['an array', '[]', 'it'],
    ['another object', '{"object":"charge","id":"ch_1"}', 'object'],
    ['no id', event({ id: undefined }), 'id'],
    ['an endless id', event({ id: 'e'.repeat(256) }), 'id'],
    ['from beyond the calendar', event({ created: 1e15 }), 'created'],
    ['from before it', event({ created: -1 }), 'created'],
    ['about nothing', event({ data: { object: null } }), 'data.object'],
    ['about a word', event({ data: { object: 'cs_1' } }), 'data.object'],
    ['about an object of no name', event({ data: { object: { object: 7 } } }), 'data.object'],
    ['about an object of a mistyped id', event({ data: { object: { object: 'x', id: 7 } } }), 'data.object'],
    [
      'about what may be a session, of no id of Stripe',
      event({ data: { object: { id: 'é' } } }),
      'data.object',
    ],
  ])('signed, but no event that can be kept: %s', (_case, text, field) => {
    expect(codeOf(() => verifyEvent(Buffer.from(text), signatureOf(text), [SECRET]))).toEqual(
      refusal('not_an_event', new RegExp(`not a Stripe event: .*\\b${field}: .`)),
    );
  });

  test.each([
    { object: 'balance' },
    { object: 'balance', id: null },
    {},
    { id: 'ba_1' },
    { object: 'coupon', id: 'ÉTÉ 2026' },
    { object: 'plan', id: 'x'.repeat(300) },
  ])(
    'an event about an object without an id or a name, or with one that a shop chose, is one: %p',
    (object) => {
      const text = event({ data: { object } });
      expect(verifyEvent(Buffer.from(text), signatureOf(text), [SECRET]).event.data).toEqual({ object });
    },
  );

  test('what is wrong with an object is said without its values', () => {
    const text = event({ data: { object: 'jenny@example.com' } });
    expect(codeOf(() => verifyEvent(Buffer.from(text), signatureOf(text), [SECRET]))).toEqual(
      refusal('not_an_event', /data\.object: is no object of Stripe\.$/),
    );
  });
});

test.each([
  [{ object: 'checkout.session' }, 'checkout.session.expired', 'cs_1'],
  [{}, 'checkout.session.expired', 'cs_1'],
  [{ object: 'charge' }, 'checkout.session.expired', undefined],
  [{}, 'charge.refunded', undefined],
])('the session of an event about %j whose type is %s: %s', (object, type, id) => {
  const { event } = eventOfApi(stripeEvent(type, { id: 'cs_1', ...object }));
  expect(sessionIdOf(event)).toBe(id);
});

describe('eventOfApi', () => {
  test('gives the event, and the text that a delivery would have had', () => {
    const given = JSON.parse(payload);
    expect(eventOfApi(given)).toEqual(verifyEvent(body, signatureOf(payload), [SECRET]));
  });

  test('refuses what is no event', () => {
    expect(codeOf(() => eventOfApi({ object: 'charge' }))).toEqual(refusal('not_an_event'));
  });
});
