import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { checkoutSession, signatureOf, stripeEvent } from '../support/stripe-events.ts';
import type { Wire } from './socket.ts';
import { eventFields, hostileValues, sessionFields, withField } from './values.ts';

/** A request nobody should send, or one that anybody might. */
export interface HostileRequest extends Wire {
  /** What it is, to tell one that did harm. */
  readonly kind: string;
  /** Its own and nobody else's, when it is a signed event in one piece. */
  readonly eventId: string | null;
}

export const TOKEN = 'token-of-the-hostile-run';

const orOften = <T>(usual: T, other: fc.Arbitrary<T>) =>
  fc.oneof({ arbitrary: fc.constant(usual), weight: 3 }, { arbitrary: other, weight: 1 });

// Few sessions, so that events of all kinds meet in one order.
const sessionId = fc.nat(400).map((n) => `cs_test_hostile_${n}`);
const type = fc.constantFrom(
  'checkout.session.completed',
  'checkout.session.completed',
  'checkout.session.async_payment_succeeded',
  'checkout.session.async_payment_failed',
  'checkout.session.expired',
  'invoice.paid',
);
const event = fc
  .record({
    id: fc.uuid().map((uuid) => `evt_${uuid}`),
    sessionId,
    type,
    payment_status: fc.constantFrom('paid', 'unpaid', 'no_payment_required'),
  })
  .map(({ id, sessionId, type, payment_status }) =>
    stripeEvent(type, checkoutSession({ id: sessionId, payment_status }), { id }),
  );

interface Body {
  readonly kind: string;
  readonly text: string;
  readonly eventId: string | null;
}

const anyField = fc.constantFrom(...eventFields, ...sessionFields.map((field) => `data.object.${field}`));
/** Huge ones come now and then only, or nothing else would. */
const anyValue = fc.oneof(
  { arbitrary: fc.constantFrom(...hostileValues.filter((value) => value.length < 50_000)), weight: 40 },
  { arbitrary: fc.constantFrom(...hostileValues), weight: 1 },
  { arbitrary: fc.json({ maxDepth: 4 }), weight: 20 },
  { arbitrary: fc.constant(undefined), weight: 8 },
);
const mistyped = fc.tuple(event, anyField, anyValue).map(([it, field, value]) => ({
  kind: `${field}: ${value?.slice(0, 40)}`,
  text: withField(it, field, value),
  eventId: field === 'id' ? null : it.id,
}));
const sound = event.map((it) => ({ kind: 'sound', text: JSON.stringify(it), eventId: it.id }));
const spliced = fc
  .tuple(event, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(20), fc.string())
  .map(([it, where, length, put]) => {
    const text = JSON.stringify(it);
    const at = Math.floor(where * text.length);
    return { kind: 'spliced', text: text.slice(0, at) + put + text.slice(at + length), eventId: null };
  });
const noEvent = fc
  .oneof(fc.json(), fc.string({ unit: 'binary' }), fc.constantFrom(...hostileValues))
  .map((text) => ({ kind: 'no event', text: text.toWellFormed(), eventId: null }));
const body: fc.Arbitrary<Body> = fc.oneof(
  { arbitrary: mistyped, weight: 6 },
  { arbitrary: sound, weight: 2 },
  { arbitrary: spliced, weight: 1 },
  { arbitrary: noEvent, weight: 1 },
);

/** A header's value as it goes over the wire, byte for byte. */
const headerText = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', ',', 't=,v1=', 't=1,v1=', '='.repeat(100), 'v1='.repeat(2_000), 'x'.repeat(17_000)),
);
const line = (name: string, value: string) => `${name}: ${value}\r\n`;
const strange = fc
  .record({
    name: fc.oneof(
      fc.constantFrom(
        ...['Content-Type', 'Accept-Encoding', 'Range', 'If-None-Match', 'X-HTTP-Method-Override', 'Cookie'],
        ...['Forwarded', 'X-Forwarded-For', 'Origin', 'Trailer', 'TE', 'Via', '__proto__', 'constructor'],
        ...['Authorization', 'Host', 'Connection', 'Upgrade', 'Expect', 'Content-Encoding', 'Content-Length'],
        ...['Transfer-Encoding', 'Stripe-Signature', 'Keep-Alive', 'HTTP2-Settings'],
      ),
      fc.string({ maxLength: 20 }),
    ),
    value: headerText,
    times: orOften(1, fc.constantFrom(2, 50, 2_500)),
  })
  .map(({ name, value, times }) => line(name, value).repeat(times));

/** Framings that end where the body does, and after it those that don't. */
const soundFraming = fc.oneof(
  fc.constant((text: string) => [line('Content-Length', String(Buffer.byteLength(text))), text]),
  fc.constant((text: string) => [line('transfer-encoding', 'chunked'), ...chunked(text, 700)]),
  fc.constant((text: string) => [
    line('Expect', '100-continue') + line('Content-Length', String(Buffer.byteLength(text))),
    text,
  ]),
);
const brokenFraming = fc.constantFrom<(text: string) => (string | Buffer)[]>(
  (text) => [text],
  (text) => [line('Content-Length', String(Buffer.byteLength(text) + 7)), text],
  (text) => [line('Content-Length', String(Math.max(0, Buffer.byteLength(text) - 7))), text],
  (text) => [line('Content-Length', '-1'), text],
  (text) => [line('Content-Length', '99999999999999999999'), text],
  (text) => [line('Content-Length', '1') + line('Content-Length', '2'), text],
  (text) => [line('Content-Length', '5') + line('Transfer-Encoding', 'chunked'), ...chunked(text, 99)],
  (text) => [line('Transfer-Encoding', 'gzip, chunked'), ...chunked(text, 99)],
  (text) => [line('Transfer-Encoding', 'chunked, identity'), ...chunked(text, 99)],
  (text) => [line('Transfer-Encoding', 'xchunked'), ...chunked(text, 99)],
  (text) => [line('Transfer-Encoding', 'chunked'), ...chunked(text, 99).slice(0, -1)],
  (text) => [line('Transfer-Encoding', 'chunked'), 'zz\r\n', text],
  (text) => [line('Transfer-Encoding', 'chunked'), 'ffffffffffffffffff\r\n', text],
  (text) => [line('Transfer-Encoding', 'chunked'), `4;${'x'.repeat(20_000)}\r\n`, text],
  (text) => [line('Transfer-Encoding', 'chunked'), '0\r\n', 'X-Trailer: x\r\n'.repeat(2_000), text],
  (text) => [
    line('Expect', 'the unexpected') + line('Content-Length', String(Buffer.byteLength(text))),
    text,
  ],
  (text) => [
    line('Content-Encoding', 'gzip') + line('Content-Length', String(gzipSync(text).length)),
    gzipSync(text),
  ],
  () => [line('Content-Encoding', 'gzip') + line('Content-Length', String(bomb.length)), bomb],
  () => [line('Transfer-Encoding', 'chunked'), '1\r\nx\r\n'.repeat(20_000), '0\r\n\r\n'],
  () => [line('Content-Length', '1048577'), 'x'.repeat(1_048_577)],
);
const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));

function chunked(text: string, size: number): string[] {
  const bytes = Buffer.from(text).toString('latin1');
  const parts = bytes.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
  return [...parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`), '0\r\n\r\n'];
}

/** The pieces of a request: texts of a head as latin1, so that each character is a byte. */
function pieces(head: string, [framing = '', ...rest]: readonly (string | Buffer)[], inLatin1: boolean) {
  const encode = (text: string | Buffer) =>
    typeof text === 'string' && inLatin1 ? Buffer.from(text, 'latin1') : Buffer.from(text as string);
  return [Buffer.from(`${head}${framing}\r\n`, 'latin1'), ...rest.map(encode)];
}

const head = (method: string, path: string) =>
  `${method} ${path} HTTP/1.1\r\n${line('Host', 'shop.example')}${line('Connection', 'close')}`;
const signed = (text: string) => line('Stripe-Signature', signatureOf(text));

/** An event that Stripe might have sent, in what it says; the service must answer. */
const signedEvent = fc.tuple(body, soundFraming).map(([{ kind, text, eventId }, frame]): HostileRequest => {
  const framed = frame(text);
  const isChunked = framed.length > 2 || framed[0]?.startsWith('transfer-encoding');
  return {
    kind: `signed, ${kind}`,
    pieces: pieces(head('POST', '/webhook') + signed(text), framed, isChunked === true),
    whole: true,
    eventId,
  };
});

const forged = fc.tuple(event, headerText, fc.boolean()).map(([it, signature, beside]): HostileRequest => {
  const text = JSON.stringify(it);
  const forgedLine = line('Stripe-Signature', signature);
  const lines = beside ? forgedLine + line('Stripe-Signature', `t=1,v1=${'0'.repeat(64)}`) : forgedLine;
  const framed = [line('Content-Length', String(Buffer.byteLength(text))), text];
  return {
    kind: 'forged',
    pieces: pieces(head('POST', '/webhook') + lines, framed, false),
    whole: false,
    eventId: null,
  };
});

const misframed = fc.tuple(body, brokenFraming, fc.array(strange, { maxLength: 3 })).map(
  ([{ text }, frame, lines]): HostileRequest => ({
    kind: 'misframed',
    pieces: pieces(head('POST', '/webhook') + signed(text) + lines.join(''), frame(text), false),
    whole: false,
    eventId: null,
  }),
);

const path = fc.oneof(
  fc.constant('/webhook'),
  fc.constantFrom(
    ...[
      '/',
      '/webhook',
      '/webhook/',
      '/WEBHOOK?version=2026-10-28.endive',
      '/webhook/x',
      '//webhook',
      '/webhook%00',
    ],
    ...[
      '/healthz',
      '/readyz',
      '/%',
      '/%ff',
      '/..%2f..%2fetc/passwd',
      '*',
      'http://elsewhere.example/webhook',
      '?',
    ],
    ...[
      '/checkout-sessions//fulfill',
      '/checkout-sessions/%/fulfill',
      '/checkout-sessions/__proto__/fulfill',
      '/metrics',
    ],
    ...['/ops', '/ops/api/orders', `/${'a/'.repeat(4_000)}`, `/${'x'.repeat(17_000)}`],
  ),
  fc
    .tuple(sessionId, fc.constantFrom('', '%00', '%20', "'", '?a[b]=c', '/..'))
    .map(([id, end]) => `/checkout-sessions/${id}${end}/fulfill`),
  sessionId.map((id) => `/checkout-sessions/${id}/fulfill`),
  fc.webPath().map((it) => it || '/'),
  fc.string({ unit: 'binary', maxLength: 60 }).map((it) => `/${it}`),
);
const method = fc.oneof(
  fc.constantFrom(
    'POST',
    'POST',
    'GET',
    'HEAD',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'TRACE',
    'CONNECT',
    'PURGE',
  ),
  fc.string({ maxLength: 12 }),
);
const wandering = fc.tuple(method, path, fc.array(strange, { maxLength: 3 }), fc.boolean(), fc.string()).map(
  ([method, path, lines, knowsToken, text]): HostileRequest => ({
    kind: `${method.slice(0, 12)} ${path.slice(0, 60)}`,
    pieces: pieces(
      head(method, path) + (knowsToken ? line('Authorization', `Bearer ${TOKEN}`) : '') + lines.join(''),
      [line('Content-Length', String(Buffer.byteLength(text))), text],
      false,
    ),
    whole: false,
    eventId: null,
  }),
);

/** The success page asks, and rightly; of some sessions while their events come. */
const asked = fc.tuple(sessionId, fc.boolean()).map(
  ([id, knowsToken]): HostileRequest => ({
    kind: 'asked',
    pieces: [
      head('POST', `/checkout-sessions/${id}/fulfill`),
      line('Authorization', `Bearer ${TOKEN}${knowsToken ? '' : 'x'}`),
      line('Content-Length', '0'),
      '\r\n',
    ],
    whole: true,
    eventId: null,
  }),
);

const noise = fc
  .oneof(
    fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(
      'GET /\r\n',
      'GET / HTTP/0.9\r\n\r\n',
      'GET / HTTP/1.0\r\n\r\n',
      'GET / HTTP/2.0\r\nHost: x\r\n\r\n',
      'GET /healthz HTTP/1.1\r\n\r\n',
      'GET /healthz HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n',
      'GET /healthz HTTP/1.1\nHost: x\nConnection: close\n\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nnoise',
      'POST /webhook HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
      '\r\n'.repeat(5_000),
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'x'.repeat(100_000),
    ),
  )
  .map((bytes): HostileRequest => ({ kind: 'noise', pieces: [bytes], whole: false, eventId: null }));

/** Cut off somewhere in the middle. */
const truncated = fc
  .tuple(fc.oneof(signedEvent, wandering, misframed), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([request, where]): HostileRequest => {
    const bytes = Buffer.concat(request.pieces.map((piece) => Buffer.from(piece as string)));
    const cut = bytes.subarray(0, Math.floor(where * bytes.length));
    return { kind: `truncated, ${request.kind}`, pieces: [cut], whole: false, eventId: null };
  });

/** Several on one connection, each before the one before it is answered. */
const pipelined = fc
  .array(fc.oneof(signedEvent, wandering, noise), { minLength: 2, maxLength: 6 })
  .map((requests): HostileRequest => {
    const bytes = requests.flatMap(({ pieces }) => pieces.map((piece) => Buffer.from(piece as string)));
    const kept = Buffer.concat(bytes)
      .toString('latin1')
      .replaceAll('Connection: close', 'Connection: keep-alive');
    return { kind: 'pipelined', pieces: [Buffer.from(kept, 'latin1')], whole: false, eventId: null };
  });

export const hostileRequest: fc.Arbitrary<HostileRequest> = fc.oneof(
  { arbitrary: signedEvent, weight: 8 },
  { arbitrary: wandering, weight: 3 },
  { arbitrary: misframed, weight: 3 },
  { arbitrary: asked, weight: 1 },
  { arbitrary: forged, weight: 2 },
  { arbitrary: noise, weight: 1 },
  { arbitrary: truncated, weight: 1 },
  { arbitrary: pipelined, weight: 1 },
);
