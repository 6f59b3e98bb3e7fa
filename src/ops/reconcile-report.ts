import { counted } from '../counted.ts';
import { messageOf } from '../errors.ts';
import { oneLine } from '../one-line.ts';
import type { OrderStatus } from '../orders/status.ts';
import type { Difference } from '../reconcile/compare.ts';
import { asksForAPerson, type Findings } from '../reconcile/findings.ts';
import type { Report } from './command.ts';

interface Circumstances {
  readonly dryRun: boolean;
  /** In seconds since 1970. */
  readonly since: number;
  /** Later, where Stripe has no events from that time any more. */
  readonly eventsSince: number;
}

/** What a run of reconcile found, for programs and for people. */
export function reportOf(found: Findings, circumstances: Circumstances): Report {
  const { dryRun, since, eventsSince } = circumstances;
  const { lookedAt, eventsMissing, behind, notAtStripe, unknownAtStripe, differing, unrepaired } = found;
  return {
    ok: !asksForAPerson(found),
    data: {
      dry_run: dryRun,
      since: iso(since),
      events_since: iso(eventsSince),
      looked_at: { events: lookedAt.events, checkout_sessions: lookedAt.sessions, orders: lookedAt.orders },
      events_missing: eventsMissing,
      orders_behind: bySession(behind),
      not_at_stripe: bySession(notAtStripe),
      unknown_at_stripe: bySession(unknownAtStripe),
      differing,
      unrepaired: [...unrepaired].map(([id, reason]) => ({ id, reason })),
    },
    text: linesOf(found, circumstances).join('\n'),
  };
}

function bySession<T extends object>(findings: ReadonlyMap<string, T>) {
  return [...findings].map(([checkout_session_id, finding]) => ({ checkout_session_id, ...finding }));
}

const standings: readonly (readonly [OrderStatus, string])[] = [
  ['paid', 'Paid at Stripe, but not here'],
  ['failed', 'Failed at Stripe, but not here'],
  ['awaiting_payment', 'Awaiting payment at Stripe, and unknown here'],
];

function linesOf(found: Findings, { dryRun, since, eventsSince }: Circumstances): string[] {
  const { lookedAt, eventsMissing } = found;
  const eventful = [...repaired(found, dryRun), ...leftToAPerson(found)].filter(hasItems);
  return [
    `Looked at ${counted(lookedAt.events, 'event')} and ${counted(lookedAt.sessions, 'checkout session')} of Stripe, and asked it about ${counted(lookedAt.orders, 'order')}.`,
    eventsSince > since &&
      `Stripe has no events from before ${iso(eventsSince)}: until then only checkout sessions were looked at.`,
    eventsMissing > 0 && `Events that had not come in (${done('recorded', dryRun)}): ${eventsMissing}`,
    ...eventful.flatMap((section) => describeSection(section, SHOWN)),
    eventful.length === 0 &&
      `${eventsMissing === 0 ? 'Nothing' : 'No order'} is missing, and nothing differs.`,
  ].filter((line) => line !== false);
}

/** What to tell of a run that broke off: the next one goes on behind what this one found. */
export function brokenOff(error: unknown, found: Findings, dryRun: boolean): Error {
  // What was repaired is told by its orders' time lines; what would be, by nothing else.
  const untold = [...(dryRun ? repaired(found, dryRun) : []), ...leftToAPerson(found)].filter(hasItems);
  const lines = [
    messageOf(error),
    !dryRun &&
      `Repaired until then: ${counted(found.behind.size, 'order')}. Run it again without --since: it goes on there.`,
    ...untold.flatMap((section) => describeSection(section, Number.POSITIVE_INFINITY)),
  ].filter((line) => line !== false);
  return new Error(lines.join('\n'), { cause: error });
}

type Section = readonly [title: string, items: readonly string[]];

const hasItems = ([, items]: Section) => items.length > 0;

const done = (what: string, dryRun: boolean) => (dryRun ? `would be ${what}` : what);

function repaired({ behind }: Findings, dryRun: boolean): Section[] {
  return standings.map(([standing, title]) => {
    const sessions = [...behind].filter(([, { status }]) => status === standing).map(([id]) => id);
    return [`${title} (${done('repaired', dryRun)})`, sessions];
  });
}

function leftToAPerson({ notAtStripe, unknownAtStripe, differing, unrepaired }: Findings): Section[] {
  return [
    [
      'Paid here, but not at Stripe',
      [...notAtStripe].map(([id, { order_id, reason }]) => `${id}, order ${order_id}: ${reason}`),
    ],
    [
      'Awaiting payment here, and unknown at Stripe',
      [...unknownAtStripe].map(([id, { order_id }]) => `${id}, order ${order_id}`),
    ],
    ['Different here and at Stripe', differing.map(describeDifference)],
    ['Could not be taken over', [...unrepaired].map(([id, reason]) => `${id}: ${reason}`)],
  ];
}

/** What a person reads of each; the JSON has them all. */
const SHOWN = 20;

function describeSection([title, items]: Section, shown: number): string[] {
  const hidden = items.length - shown;
  const more = hidden > 0 ? [`  … and ${hidden} more: --json names them`] : [];
  return [`${title}: ${items.length}`, ...items.slice(0, shown).map((item) => `  ${oneLine(item)}`), ...more];
}

function describeDifference({ checkout_session_id, order_id, field, here, at_stripe }: Difference): string {
  return `${checkout_session_id}, order ${order_id}: ${field} is ${here} here, and ${at_stripe} at Stripe`;
}

function iso(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}
