import { messageOf } from '../../errors.ts';

export type State = 'ok' | 'warning' | 'wrong' | 'not_checked';

export interface Verdict {
  readonly state: State;
  /** A line, or one for each alert that stands; where something is wrong, with what to do. */
  readonly message: string;
}

export interface Finding extends Verdict {
  readonly check: string;
}

export const ok = (message: string): Verdict => ({ state: 'ok', message });
export const warning = (message: string): Verdict => ({ state: 'warning', message });
export const wrong = (message: string): Verdict => ({ state: 'wrong', message });
export const notChecked = (message: string): Verdict => ({ state: 'not_checked', message });

export type Checks<Subject> = Readonly<Record<string, (subject: Subject) => Verdict | Promise<Verdict>>>;

/** One after another. An error that keeps a check from its verdict is its verdict, by way of `verdictOf`. */
export async function check<Subject>(
  checks: Checks<Subject>,
  subject: Subject,
  verdictOf: (error: unknown) => Verdict | Promise<Verdict> = failed,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, ask] of Object.entries(checks)) {
    findings.push({ check: name, ...(await Promise.try(ask, subject).catch(verdictOf)) });
  }
  return findings;
}

/** An error, in one line. */
export function failed(error: unknown): Verdict {
  return wrong(
    messageOf(error)
      .replace(/:\n\s*/g, ': ')
      .replace(/\n\s*/g, '; '),
  );
}

export function noneChecked(names: readonly string[], why: string): Finding[] {
  return names.map((name) => ({ check: name, ...notChecked(why) }));
}
