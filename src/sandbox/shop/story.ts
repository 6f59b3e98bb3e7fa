import type { Entry } from '../../ops/timeline.ts';
import { tell } from '../../ops/words.ts';
import type { Deed } from './journal.ts';

/** Who presses the buttons of the sandbox, as `ops_actions` keeps it. */
export const PLAYER = 'sandbox';

/** A line of what happened, told by whoever did it. */
export interface Line {
  readonly at: Date;
  readonly by: Deed['by'] | 'service';
  readonly words: string;
  readonly tone: Deed['tone'];
}

/** What the sandbox did and what the service made of it, the oldest first; what is still to come stands last. */
export function storyOf(deeds: readonly Deed[], timeline: readonly Entry[]): Line[] {
  const entries = timeline.map(
    (entry): Line => ({
      at: entry.at,
      by: 'service',
      words: wordsOf(entry, timeline),
      tone: toneOf(entry),
    }),
  );
  return [...deeds, ...entries].toSorted((a, b) => a.at.getTime() - b.at.getTime());
}

function wordsOf(entry: Entry, timeline: readonly Entry[]): string {
  if (isUnderWay(entry, timeline)) return `Attempt ${entry.attempt - 1} is under way.`;
  return entry.kind === 'action' && entry.actor === PLAYER
    ? 'You asked for the next attempt at once.'
    : tell(entry);
}

/** While an attempt is made, the next one is due when its lease ends. */
function isUnderWay(entry: Entry, timeline: readonly Entry[]): entry is Extract<Entry, { kind: 'due' }> {
  if (entry.kind !== 'due' || entry.attempt === 1) return false;
  const { work, attempt } = entry;
  return !timeline.some(
    (other) => other.kind === 'attempt_failed' && other.work === work && other.attempt === attempt - 1,
  );
}

function toneOf(entry: Entry): Line['tone'] {
  switch (entry.kind) {
    case 'transition':
      return entry.to === 'paid' ? 'good' : entry.to === 'failed' ? 'bad' : 'wait';
    case 'done':
      return 'good';
    case 'attempt_failed':
      return 'bad';
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
