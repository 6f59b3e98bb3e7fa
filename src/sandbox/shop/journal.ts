import type { SessionEvent } from '../events.ts';
import type { Trouble } from './trouble.ts';

/** What the sandbox did, in the part of Stripe or of the shop. */
export interface Deed {
  readonly at: Date;
  readonly by: 'stripe' | 'shop';
  readonly words: string;
  readonly tone: 'plain' | 'good' | 'wait' | 'bad';
}

/** A checkout session's life in the sandbox, as far as no one else keeps it. */
export interface Episode {
  trouble: Trouble;
  readonly deeds: Deed[];
  /** An event that waits until a later one was delivered. */
  held: SessionEvent | null;
  /** Of a bank debit: whether the money comes is known. */
  decided: boolean;
  /** Ends with the last request that changes the session. */
  turn: Promise<unknown>;
}

export interface Journal {
  episode(sessionId: string): Episode;
  /** `at`: when it began, if that was before now. */
  note(sessionId: string, by: Deed['by'], tone: Deed['tone'], words: string, at?: Date): void;
}

const KEPT = 200;

/**
 * In memory: what a restart forgets was for show alone. An event whose delivery it cuts off stays undelivered at the
 * stand-in.
 */
export function openJournal(): Journal {
  const episodes = new Map<string, Episode>();
  function episode(sessionId: string): Episode {
    const known = episodes.get(sessionId);
    if (known) return known;
    const begun: Episode = {
      trouble: new Set(),
      deeds: [],
      held: null,
      decided: false,
      turn: Promise.resolve(),
    };
    episodes.set(sessionId, begun);
    const [oldest] = episodes.keys();
    if (episodes.size > KEPT && oldest !== undefined) episodes.delete(oldest);
    return begun;
  }
  return {
    episode,
    note: (sessionId, by, tone, words, at = new Date()) =>
      void episode(sessionId).deeds.push({ at, by, tone, words }),
  };
}
