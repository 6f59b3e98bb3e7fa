import type { Entry } from '../../ops/timeline.ts';
import { tell } from '../../ops/words.ts';
import type { Deed } from './journal.ts';

/** Who presses the buttons of the sandbox, as `ops_actions` keeps it. */
export const PLAYER = 'sandbox';

/** A line of what happened, told by whoever did it. */
export interface Line extends Omit<Deed, 'by'> {
  readonly by: Deed['by'] | 'service';
}

/** What the sandbox did and what the service made of it, the oldest first; what is still to come stands last. */
export function storyOf(deeds: readonly Deed[], timeline: readonly Entry[]): Line[] {
  const entries = timeline.map(
    (entry): Line => ({
      at: entry.at,
      by: 'service',
      words: wordsOf(entry),
      tone: toneOf(entry),
    }),
  );
  return [...deeds, ...entries].toSorted((a, b) => a.at.getTime() - b.at.getTime());
}

function wordsOf(entry: Entry): string {
  return entry.kind === 'action' && entry.actor === PLAYER
    ? 'You asked for the next attempt at once.'
    : tell(entry);
}

function toneOf(entry: Entry): Line['tone'] {
  switch (entry.kind) {
    case 'transition':
      return entry.to === 'paid' ? 'good' : entry.to === 'failed' ? 'bad' : 'wait';
    case 'done':
      return 'good';
    case 'attempt_failed':
      return 'bad';
    case 'under_way':
    case 'due':
      return 'wait';
    default:
      return 'plain';
  }
}

/** Since the first line: what a person wants to see is how fast, and what came before what. */
export function sinceStart(at: Date, start: Date): string {
  return `${((at.getTime() - start.getTime()) / 1_000).toFixed(2)} s`;
}
