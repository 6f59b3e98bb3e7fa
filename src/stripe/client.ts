import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import Stripe from 'stripe';
import { within } from '../within.ts';

/** The version whose shapes this code knows. Events keep the version of their endpoint. */
export const API_VERSION = '2026-10-28.endive';

/** As the package's own, but that they know of a proxy as Node's own do (NODE_USE_ENV_PROXY), by which receivers are called. */
const { proxyEnv } = https.globalAgent.options;
const agents = {
  http: new http.Agent({ keepAlive: true, proxyEnv }),
  https: new https.Agent({ keepAlive: true, proxyEnv }),
};

/**
 * A client that gives up in time: 15 s for an answer (the package's default of 80 s would outlive a
 * lease twice) and one more try, since owed work comes back by itself with a longer pause.
 * @param secretKey null in the sandbox, whose stand-in takes any
 */
export function createStripe(secretKey: string | null, apiBase: string | null): Stripe {
  const address = addressOf(new URL(apiBase ?? 'https://api.stripe.com'));
  return new Stripe(secretKey ?? 'sk_test_sandbox', {
    apiVersion: API_VERSION,
    timeout: 15_000,
    maxNetworkRetries: 1,
    telemetry: false,
    httpClient: guarded(Stripe.createNodeHttpClient(agents[address.protocol])),
    ...address,
  });
}

/**
 * What the package's own client lacks:
 * - An answer that is JSON but no object, such as a proxy's `"busy"`, makes the package throw where nobody can catch it,
 *   and the process ended. Here the call fails.
 * - The package's timeout is for silence alone: an answer that comes byte by byte kept its attempt, and the attempt's
 *   place, for ever. Here the body has as long as the head.
 * - The package's timeout begins once there is a connection. Where a firewall drops the packets, Linux tries for 134 s:
 *   an attempt kept its place for twice that, and `doctor` was as long in saying that Stripe can't be reached. Here it
 *   begins with the call.
 * - A notice of Stripe's, as its answers of test mode may bear (advice on which part of the API to call), is printed with
 *   each answer, in two lines that are no JSON among those of the log. Here it is left out.
 */
function guarded(client: Stripe.HttpClient): Stripe.HttpClient {
  const makeRequest: typeof client.makeRequest = async (...request) => {
    const timeoutMs = request[7];
    const response = await within(
      timeoutMs,
      client.makeRequest(...request),
      Stripe.HttpClient.makeTimeoutError,
    );
    delete response.getHeaders()['stripe-notice'];
    const toJSON = response.toJSON.bind(response);
    response.toJSON = async () => {
      const timer = setTimeout(() => (response.getRawResponse() as IncomingMessage).destroy(), timeoutMs);
      const body = await toJSON().finally(() => clearTimeout(timer));
      if (typeof body !== 'object' || body === null) throw new SyntaxError('the answer is no JSON object');
      return body;
    };
    return response;
  };
  return { getClientName: () => client.getClientName(), makeRequest };
}

function addressOf({ protocol, hostname, port }: URL) {
  return {
    protocol: protocol === 'http:' ? ('http' as const) : ('https' as const),
    // An IPv6 address stands in brackets in a URL alone.
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port || (protocol === 'http:' ? 80 : 443),
  };
}
