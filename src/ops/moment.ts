import { z } from 'zod';
import { wallClock } from './wall-clock.ts';
import { zone as here } from './words.ts';

const SECONDS: Readonly<Record<string, number>> = { m: 60, h: 60 * 60, d: 24 * 60 * 60, w: 7 * 24 * 60 * 60 };

/** A moment, or how many seconds ago it was: by the database's clock. */
export type Moment = { readonly at: Date } | { readonly ago: number };

/** What can be typed, in the words of the message to whoever typed something else. */
const MOMENTS = '30m, 12h, 3d, 2w, 2026-11-25 or 2026-11-25T18:00';

/** The same for whoever is about to type, with where that is meant: the machine may stand in another zone than they do. */
export const momentsIn = (zone = here) => `${MOMENTS} (${zone})`;

const DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/;

/** How long ago, or a date with or without a time, which is meant in `zone` unless it has an offset. Null for anything else. */
export function parseMoment(text: string, zone = here): Moment | null {
  const [, count, unit = ''] = /^(\d{1,5})([mhdw])$/.exec(text) ?? [];
  if (count) return { ago: Number(count) * (SECONDS[unit] as number) };
  const [, date = '', time = '00:00', offset] = DATE.exec(text) ?? [];
  const shown = Date.parse(`${date}T${time}Z`);
  // Date.parse takes 30 February for 2 March.
  if (Number.isNaN(shown) || !new Date(shown).toISOString().startsWith(date)) return null;
  const at = offset ? Date.parse(`${date}T${time}${offset}`) : wallClock(zone).instantOf(shown);
  return Number.isNaN(at) ? null : { at: new Date(at) };
}

export const momentShape = (zone?: string) =>
  z.string().transform((text, context) => {
    const read = parseMoment(text, zone);
    if (read !== null) return read;
    context.addIssue({ code: 'custom', message: `must be like ${MOMENTS}` });
    return z.NEVER;
  });

/** @param now the database's time, in seconds since 1970, as is the result */
export function secondsOf(moment: Moment, now: number): number {
  return Math.max(0, 'at' in moment ? Math.floor(moment.at.getTime() / 1_000) : now - moment.ago);
}
