import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { attemptDelivery, type Endpoint } from '../deliver.ts';
import type { SessionEvent } from '../events.ts';
import type { Files } from '../files.ts';
import type { Journal } from './journal.ts';
import type { Trouble } from './trouble.ts';

export interface Courier {
  /** The stand-in has the event from here on, for its API to list. */
  keep(event: SessionEvent): Promise<void>;
  /** Resolves when the event is acknowledged, or given up. */
  send(event: SessionEvent, endpoint: Endpoint): Promise<void>;
  stop(): void;
}

const ATTEMPTS = 5;
const LATE_MS = 10_000;
const NOBODYS_SECRET = 'whsec_of-somebody-else';

interface Dependencies {
  readonly events: Files<SessionEvent>;
  readonly journal: Journal;
  readonly log: Logger;
  /** The pause before the second attempt at a delivery; before the third it is twice as long, and so on. */
  readonly againAfterMs: number;
}

/** Delivers events as Stripe does, until they are acknowledged, and lets go wrong what a person wants to see go wrong. */
export function openCourier({ events, journal, log, againAfterMs }: Dependencies): Courier {
  const stopped = new AbortController();
  const wait = (ms: number) => pause(ms, undefined, { signal: stopped.signal, ref: false });

  const keep = (event: SessionEvent) => events.save(event.id, event);

  async function deliver(event: SessionEvent, endpoint: Endpoint): Promise<void> {
    const { id: sessionId } = event.data.object;
    const { trouble } = journal.episode(sessionId);
    await keep(event);
    if (trouble.has('delay')) {
      journal.note(sessionId, 'stripe', 'wait', `${event.type} waits for 10 s.`);
      await wait(LATE_MS);
    }
    // All else goes wrong at the first attempt alone.
    const lasting = new Set([...trouble].filter((name) => name === 'twice'));
    for (let n = 0; n < ATTEMPTS; n += 1) {
      if (n > 0) await wait(againAfterMs * n);
      if (await attempt(event, endpoint, n === 0 ? trouble : lasting)) {
        await events.save(event.id, { ...event, pending_webhooks: 0 });
        return;
      }
    }
  }

  async function attempt(event: SessionEvent, endpoint: Endpoint, trouble: Trouble): Promise<boolean> {
    const note = (tone: 'good' | 'bad', words: string, at?: Date) =>
      journal.note(event.data.object.id, 'stripe', tone, words, at);
    if (trouble.has('lose')) {
      note('bad', `A delivery of ${event.type} was lost on its way.`);
      return false;
    }
    const forged = trouble.has('forge');
    const signed = forged ? { ...endpoint, secret: NOBODYS_SECRET } : endpoint;
    const copies = trouble.has('twice') ? [1, 2] : [1];
    const answers = await Promise.all(
      copies.map(async () => {
        const at = new Date();
        const { status, text } = await attemptDelivery(event, signed);
        const how = forged ? ', signed with a wrong secret,' : '';
        note(
          status === 200 ? 'good' : 'bad',
          `${event.type}${how} was delivered. The service answered ${status === 200 ? status : text}.`,
          at,
        );
        return status;
      }),
    );
    return answers.every((status) => status === 200);
  }

  return {
    keep,
    async send(event, endpoint) {
      try {
        await deliver(event, endpoint);
      } catch (error) {
        if (stopped.signal.aborted) return;
        log.error({ event_id: event.id, reason: messageOf(error) }, "the sandbox's event was not delivered");
      }
    },
    stop: () => stopped.abort(),
  };
}
