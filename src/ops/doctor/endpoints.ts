import type Stripe from 'stripe';
import type { Config } from '../../config.ts';
import { handledTypes } from '../../orders/handlers.ts';
import { API_VERSION } from '../../stripe/client.ts';
import { isConnect, placeOf } from '../endpoint.ts';
import { type Checks, notChecked, ok, warning, wrong } from './finding.ts';

type Endpoint = Pick<
  Stripe.WebhookEndpoint,
  'url' | 'status' | 'livemode' | 'enabled_events' | 'api_version' | 'application'
>;

interface Subject {
  readonly config: Config;
  /** All of the account's. */
  readonly endpoints: readonly Endpoint[];
}

export const endpointChecks: Checks<Subject> = {
  endpoint: (subject) => {
    const registered = ours(subject);
    if (registered.length === 0) return unregistered(subject.config);
    const enabled = registered.filter(isEnabled);
    if (enabled.length === 0)
      return wrong(`${places(registered)} is disabled: enable it in Stripe's Dashboard (Webhooks)`);
    const lacking = enabled.filter((endpoint) => missing(endpoint).length > 0);
    const words = lacking.map(
      (endpoint) => `${placeOf(endpoint)} does not send ${missing(endpoint).join(', ')}`,
    );
    if (lacking.length === enabled.length)
      return wrong(`${words.join('; ')}: add them in Stripe's Dashboard`);
    if (lacking.length > 0) return warning(words.join('; '));
    if (enabled.every(isConnect))
      return warning(
        `${places(enabled)} sends events of connected accounts alone: those of your own account need another endpoint`,
      );
    return ok(`${places(enabled)} sends the three events`);
  },

  /** Events of older versions can be read (src/stripe/checkout-session.ts), those to come may not be. */
  'API version': (subject) => {
    const enabled = ours(subject).filter(isEnabled);
    if (enabled.length === 0) return notChecked('no endpoint is enabled');
    const unpinned = enabled.filter(({ api_version }) => api_version === null);
    const newer = enabled.filter(({ api_version }) => isNewer(api_version ?? API_VERSION));
    if (newer.length > 0)
      return warning(
        `${places(newer)} sends ${newer[0]?.api_version}, which this code does not know yet: it knows ${API_VERSION}. ${ANOTHER}`,
      );
    if (unpinned.length > 0)
      return warning(
        `${places(unpinned)} sends the account's default version, and this code knows ${API_VERSION}. ${ANOTHER}`,
      );
    const versions = [...new Set(enabled.map(({ api_version }) => api_version))].join(', ');
    return ok(`${versions} (this code knows ${API_VERSION}, and reads older ones)`);
  },

  'one endpoint a URL': (subject) => {
    const enabled = ours(subject).filter(isEnabled);
    const shared = [...Map.groupBy(enabled, placeOf).values()].find((there) => there.length > 1);
    if (shared === undefined) return ok('no event is delivered twice');
    const twice = shared.length > new Set(shared.map(isConnect)).size;
    const what = twice ? 'each event as often (harmless)' : "one of them connected accounts' events";
    const words = `${shared.length} endpoints deliver to ${places(shared)}, ${what}, and each signs with a secret of its own`;
    if (subject.config.stripe.webhookSecrets.length < shared.length)
      return wrong(
        `${words}: STRIPE_WEBHOOK_SECRET lacks one. ${twice ? 'Delete an endpoint, or add its secret' : 'Add it'}`,
      );
    return twice ? warning(`${words}. One is enough`) : ok(words);
  },
};

/** Stripe changes the version of no endpoint. */
const ANOTHER = 'docs/api-version.md says how one of that version takes its place';

/** The service does not know by what name the world reaches it; its path it knows. */
function ours({ endpoints, config }: Subject): readonly Endpoint[] {
  return endpoints.filter(
    ({ url, livemode }) =>
      livemode === config.stripe.livemode && /\/webhook\/?$/i.test(new URL(url).pathname),
  );
}

function unregistered({ production, stripe: { livemode } }: Config) {
  const words = `no ${livemode ? 'live' : 'test'} endpoint is registered whose path ends in /webhook: create one with npm run ops -- endpoint create https://<your host>/webhook`;
  return production || livemode ? wrong(words) : warning(`${words} (\`stripe listen\` needs none)`);
}

const isEnabled = ({ status }: Endpoint) => status === 'enabled';

function missing({ enabled_events }: Endpoint): string[] {
  return enabled_events.includes('*') ? [] : handledTypes.filter((type) => !enabled_events.includes(type));
}

/** `2026-10-28.endive`: a date, and the name of a line of releases, within which no shape changes. */
function isNewer(version: string): boolean {
  const [date = '', line] = version.split('.');
  const [knownDate = '', knownLine] = API_VERSION.split('.');
  return line !== knownLine && date > knownDate;
}

const places = (endpoints: readonly Endpoint[]) => [...new Set(endpoints.map(placeOf))].join(', ');
