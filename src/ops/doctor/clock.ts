import { isClockOff } from '../../alerts/alert.ts';
import { notChecked, ok, type Verdict, warning, wrong } from './finding.ts';

/**
 * A signature is good for 300 s (ours at a receiver as well), of which a delivery may take some: 60 s are left for that.
 * Clocks that are set by NTP are apart by far less than a second.
 */
const WRONG_FROM_S = 240;

/** @param offset by how many seconds this process's clock is ahead of the other one; NaN where that one told no time */
export function compareClocks(whose: string, offset: number): Verdict {
  if (Number.isNaN(offset)) return notChecked('the answer told no time');
  const ahead = Math.round(offset);
  const apart = Math.abs(ahead);
  if (!isClockOff(ahead)) return ok(`this machine's clock and ${whose} agree`);
  const words = `this machine's clock is ${apart} s ${ahead > 0 ? 'ahead of' : 'behind'} ${whose}; from 300 s on signatures are refused. Set it by NTP`;
  return apart < WRONG_FROM_S ? warning(words) : wrong(words);
}
