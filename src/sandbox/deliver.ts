import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import { type SessionEvent, signedRequest } from './events.ts';

const ATTEMPTS = 5;
const ANSWER_WITHIN_MS = 10_000;
const LONGEST_PAUSE_MS = 5_000;

export interface Endpoint {
  readonly url: string;
  readonly secret: string;
}

/**
 * Delivers an event as Stripe does: signed anew for each attempt, and again after a pause when the service is away
 * or says 503. Stripe keeps on for days; here a person waits.
 * @throws when the service refuses the event, or stays away
 */
export async function deliver(event: SessionEvent, endpoint: Endpoint): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await attemptDelivery(event, endpoint);
    if (answer.status === 200) return;
    if (answer.status !== 503 || attempt === ATTEMPTS)
      throw new Error(`${event.type} was not taken: ${answer.text}`);
    await pause(Math.min(answer.retryAfterMs ?? 250 * 2 ** attempt, LONGEST_PAUSE_MS));
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfterMs: number | null;
}

/** One delivery. A service that can't be reached answers 503 by that. */
export async function attemptDelivery(event: SessionEvent, { url, secret }: Endpoint): Promise<Answer> {
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const response = await fetch(url, {
      method: 'POST',
      ...signedRequest(event, secret),
      signal,
      redirect: 'manual',
    });
    const { status, headers } = response;
    const seconds = Number(headers.get('retry-after'));
    const text = `${status} ${(await response.text()).slice(0, 300)}`;
    return { status, text, retryAfterMs: seconds > 0 ? seconds * 1_000 : null };
  } catch (error) {
    const reason = messageOf((error as Error).cause ?? error);
    return { status: 503, text: `no answer (${reason})`, retryAfterMs: null };
  }
}
