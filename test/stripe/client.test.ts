import type { IncomingHttpHeaders } from 'node:http';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createStripe } from '../../src/stripe/client.ts';
import { answerJson, silentUrl } from '../support/http.ts';
import { startStripeApi } from '../support/stripe-api.ts';
import { checkoutSession } from '../support/stripe-events.ts';

const api = await startStripeApi();
const [testOnLinux, silent] = process.platform === 'linux' ? [test, await silentUrl()] : [test.skip, null];
const session = checkoutSession();
api.keep(session, []);
const retrieve = () => createStripe('sk_test_123', api.url).checkout.sessions.retrieve(session.id);

beforeEach(() => {
  api.requests.length = 0;
  api.fault = () => false;
});

test('asks in the version whose shapes the code knows, and measures nothing for Stripe', async () => {
  const seen: IncomingHttpHeaders[] = [];
  api.fault = ({ headers }, res) => {
    seen.push(headers);
    res.setHeader('request-id', 'req_1');
    return false;
  };
  const stripe = createStripe('sk_test_123', api.url);
  await stripe.checkout.sessions.retrieve(session.id);
  await stripe.checkout.sessions.retrieve(session.id);
  expect(seen).toMatchObject(
    Array(2).fill({ authorization: 'Bearer sk_test_123', 'stripe-version': '2026-10-28.endive' }),
  );
  // The package would tell of one request, named by its answer, with the next.
  expect(seen[1]).not.toHaveProperty('x-stripe-client-telemetry');
});

test("prints none of Stripe's notices among the lines of the log", async () => {
  const print = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  api.fault = (_req, res) => {
    res.setHeader('stripe-notice', 'There is a newer API for this.');
    return false;
  };
  expect(await retrieve()).toMatchObject({ id: session.id });
  expect(print).not.toHaveBeenCalled();
  print.mockRestore();
});

describe('an API that fails is asked', () => {
  const failing = (times: number) => {
    let faults = times;
    api.fault = (_req, res) => {
      faults -= 1;
      if (faults >= 0) answerJson(res, 500, { error: { type: 'api_error', message: 'not now' } });
      return faults >= 0;
    };
  };

  test('once more', async () => {
    failing(1);
    expect(await retrieve()).toMatchObject({ id: session.id });
    expect(api.requests).toHaveLength(2);
  });

  test('and no more than that', async () => {
    failing(2);
    await expect(retrieve()).rejects.toThrow('not now');
    expect(api.requests).toHaveLength(2);
  });
});

test.each(['"busy"', '429', 'true', 'null', '<html>', ''])('an answer of %j is an error', async (body) => {
  api.fault = (_req, res) => {
    res.end(body);
    return true;
  };
  await expect(retrieve()).rejects.toThrow('Invalid JSON received from the Stripe API');
});

test('gives up on an answer that begins in time and comes byte by byte', async () => {
  api.fault = (_req, res) => {
    const drip = setInterval(() => res.write(' '), 50);
    res.once('close', () => clearInterval(drip));
    return true;
  };
  const { sessions } = createStripe('sk_test_123', api.url).checkout;
  await expect(sessions.retrieve(session.id, {}, { timeout: 1_000 })).rejects.toMatchObject({
    type: 'StripeConnectionError',
  });
  expect(api.requests).toHaveLength(1);
});

testOnLinux(
  'gives up on an API that can not be connected to as soon as on one that does not answer',
  async () => {
    const { sessions } = createStripe('sk_test_123', silent).checkout;
    const begin = performance.now();
    const asking = sessions.retrieve(session.id, {}, { timeout: 500 });
    await expect(asking).rejects.toMatchObject({
      type: 'StripeConnectionError',
      message: expect.stringContaining('timeout being reached (500ms)'),
    });
    expect(performance.now() - begin).toBeLessThan(30_000);
  },
);

test.each([
  [null, 'https', 'api.stripe.com', '443'],
  ['https://stripe.example', 'https', 'stripe.example', '443'],
  ['https://stripe.example:8443', 'https', 'stripe.example', '8443'],
  ['http://stripe.example', 'http', 'stripe.example', '80'],
  ['http://127.0.0.1:12111', 'http', '127.0.0.1', '12111'],
  ['http://[::1]:12111', 'http', '::1', '12111'],
])('of STRIPE_API_BASE %s it takes protocol, host and port', (base, protocol, host, port) => {
  const stripe = createStripe('sk_test_123', base);
  expect([stripe.getApiField('protocol'), stripe.getApiField('host')]).toEqual([protocol, host]);
  expect(String(stripe.getApiField('port'))).toBe(port);
});

test('gives up on an answer after 15 s', () => {
  expect(createStripe('sk_test_123', null).getApiField('timeout')).toBe(15_000);
});
