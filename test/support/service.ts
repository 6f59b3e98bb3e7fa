import { parseConfig } from '../../src/config.ts';
import { type Service, startService } from '../../src/service.ts';
import { atEnd } from './at-end.ts';
import { silent } from './log.ts';
import { scratchDir } from './scratch-dir.ts';
import { SECRET, signatureOf } from './stripe-events.ts';

interface TestService extends Service {
  readonly dataDir: string;
  /** Delivers an event as Stripe does; the answer's status. */
  deliver(event: unknown): Promise<number>;
}

/** The service whole, in this process, on a free port. It is stopped when the file ends. */
export async function startTestService(env: Record<string, string>): Promise<TestService> {
  const dataDir = await scratchDir();
  const config = {
    ...parseConfig({ PORT: '0', STRIPE_SECRET_KEY: 'sk_test_123', STRIPE_WEBHOOK_SECRET: SECRET, ...env }),
    dataDir,
  };
  const service = await startService(config, silent);
  let stopped = false;
  const stop = async () => {
    if (!stopped) await service.stop();
    stopped = true;
  };
  atEnd(stop);
  return { url: service.url, dataDir, stop, deliver: (event) => deliver(service.url, event) };
}

/** What makes a service the sandbox with its shop: empty is unset. */
export const sandboxEnv = { STRIPE_SECRET_KEY: '', STRIPE_WEBHOOK_SECRET: '' };

export async function deliver(url: string, event: unknown, signal?: AbortSignal): Promise<number> {
  const payload = JSON.stringify(event);
  const response = await fetch(`${url}/webhook`, {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8', 'stripe-signature': signatureOf(payload) },
    body: payload,
    signal: signal ?? null,
  });
  await response.text();
  return response.status;
}
