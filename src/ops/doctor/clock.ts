import { notChecked, ok, type Verdict, warning, wrong } from './finding.ts';

/**
 * A signature is good for 300 s (ours at a receiver as well), of which a delivery may take some: 60 s are left for that.
 * Clocks that are set by NTP are apart by far less than a second.
 */
const WRONG_FROM_S = 240;
const WARNING_FROM_S = 30;

/** Another clock's time (NaN: it told none), read between two moments of this process's own. All in milliseconds. */
export function compareClocks(whose: string, theirs: number, [asked, answered]: [number, number]): Verdict {
  if (Number.isNaN(theirs)) return notChecked('the answer told no time');
  const ahead = Math.round(((asked + answered) / 2 - theirs) / 1_000);
  const apart = Math.abs(ahead);
  if (apart < WARNING_FROM_S) return ok(`this machine's clock and ${whose} agree`);
  const words = `this machine's clock is ${apart} s ${ahead > 0 ? 'ahead of' : 'behind'} ${whose}; from 300 s on signatures are refused. Set it by NTP`;
  return apart < WRONG_FROM_S ? warning(words) : wrong(words);
}
