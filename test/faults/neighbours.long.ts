import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createTestDatabase } from '../support/database.ts';
import { answerJson, closedUrl } from '../support/http.ts';
import { startMailServer } from '../support/mail-server.ts';
import { startSurroundings } from '../support/process.ts';
import type { StripeApi } from '../support/stripe-api.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { conclude, openStage, slowly } from './support/scene.ts';
import { startSender } from './support/sender.ts';

// Within `npm test`: test/stories/trouble.test.ts and test/notifications/mailer.test.ts.
const PHASE_MS = 5_000;
/** Attempts in a pause: the fourth is made after half a minute. */
const restWithin = 240;
const [stripeAway, receiverAway, mailAway] = [
  await startSurroundings(await createTestDatabase()),
  await startSurroundings(await createTestDatabase()),
  await startSurroundings(await createTestDatabase()),
];
const nobody = await closedUrl();
const receiverProxy = await startTcpProxy(receiverAway.env.FULFILLMENT_URL);
const mailServer = await startMailServer();
const mailProxy = await startTcpProxy(mailServer.url);

test("Stripe's API hangs, answers 429 and 500, and is cut off", async () => {
  const { stripe, env } = stripeAway;
  const fault = (answer: StripeApi['fault']): StripeApi['fault'] => answer;
  const faults = [
    fault(() => true),
    fault((_req, res) => {
      answerJson(res, 429, { error: { type: 'api_error', message: 'not now' } }, { 'retry-after': '1' });
      return true;
    }),
    fault((_req, res) => {
      answerJson(res, 500, { error: { type: 'api_error', message: 'not now' } });
      return true;
    }),
    fault((_req, res) => {
      res.writeHead(200, { 'content-length': '1000' }).write('{"object": "checkout.session", "li');
      res.destroy();
      return true;
    }),
  ];
  await using service = await openStage(env);
  await using sender = startSender(service.url, stripe);
  for (const answer of faults) {
    await sender.taken(100);
    stripe.fault = answer;
    await pause(PHASE_MS);
    stripe.fault = () => false;
  }
  await sender.taken(100);
  const done = `${PHASE_MS / 1_000} s each: hangs, 429, 500, cut bodies`;
  await conclude({ fault: "Stripe's API", done, sender, surroundings: stripeAway, restWithin });
}, 600_000);

test('the receiver is down, slow, answers 500, and resets', async () => {
  const { stripe, receiver, env } = receiverAway;
  await using service = await openStage({
    ...env,
    FULFILLMENT_URL: receiverProxy.url,
    FULFILLMENT_TIMEOUT_MS: '1000',
  });
  await using sender = startSender(service.url, stripe);
  await sender.taken(100);

  receiverProxy.leadTo(nobody);
  receiverProxy.reset();
  await pause(PHASE_MS);
  receiverProxy.leadTo(env.FULFILLMENT_URL);

  // Taken, and answered when nobody waits any more.
  receiver.answer = (res) => setTimeout(() => res.writeHead(204).end(), 1_500);
  await pause(PHASE_MS);
  receiver.answer = (res) => res.writeHead(500).end();
  await pause(PHASE_MS);
  receiver.answer = (res) => res.destroy();
  await pause(PHASE_MS);
  receiver.answer = slowly;
  await sender.taken(100);
  const done = `${PHASE_MS / 1_000} s each: down, too slow, 500, resets`;
  await conclude({ fault: 'receiver', done, sender, surroundings: receiverAway, restWithin });
  expect(receiver.calls.length).toBeGreaterThan(new Set(receiver.calls.map(({ id }) => id)).size);
}, 600_000);

test('the mail server is down, hangs, and resets', async () => {
  const { stripe, env } = mailAway;
  const mailEnv = { SMTP_URL: mailProxy.url, MAIL_FROM: 'shop@shop.example' };
  await using service = await openStage({ ...env, ...mailEnv });
  await using sender = startSender(service.url, stripe);
  await sender.taken(100);
  mailProxy.leadTo(nobody);
  mailProxy.reset();
  await pause(PHASE_MS);
  mailProxy.leadTo(mailServer.url);
  for (const manner of ['swallow', 'reset'] as const) {
    mailProxy.manner = manner;
    mailProxy.reset();
    await pause(PHASE_MS);
  }
  mailProxy.manner = 'forward';
  await sender.taken(100);
  const done = `${PHASE_MS / 1_000} s each: down, hangs, resets`;
  await conclude({ fault: 'SMTP', done, sender, surroundings: mailAway, restWithin });
  const expected = sender.sales.map(({ sessionId, status }) =>
    status === 'paid'
      ? `<order-paid.${sessionId}@shop.example>`
      : `<payment-failed.${sessionId}@shop.example>`,
  );
  expect(new Set(mailServer.mails.map(({ mail }) => mail.messageId))).toEqual(new Set(expected));
}, 600_000);
