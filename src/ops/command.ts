import type { Command } from 'commander';
import type Stripe from 'stripe';
import type { Config } from '../config.ts';
import type { Knex } from '../db/knex.ts';

/** What a command works with. Nothing is connected before it is used. */
export interface Tools {
  readonly config: Config;
  readonly db: Knex;
  readonly stripe: Stripe;
  /** The columns of the terminal where the report is read; null where it is none. */
  readonly width: number | null;
  /** Who acts, as `ops_actions` keeps it. */
  readonly actor: string;
}

/** What a command has to say: `data` for programs (--json), `text` for people. */
export interface Report {
  readonly data: unknown;
  readonly text: string;
  /** False when something is wrong or was not done: exit code 1. */
  readonly ok: boolean;
}

/**
 * The report of a command that was to change something. Where it changed nothing, programs find the reason in `error`, as
 * they find it of a command that failed.
 */
export function outcomeOf({ ok, data, text }: Report & { readonly data: object }): Report {
  return { ok, data: ok ? data : { error: text, ...data }, text };
}

/** A command's work: its arguments, then its options, as commander hands them over. */
type Work<Args extends unknown[]> = (tools: Tools, ...args: Args) => Promise<Report>;

/** Makes of a command's work what commander calls: tools around it, its report printed, its exit code set. */
export type Act = <Args extends unknown[]>(work: Work<Args>) => (...args: Args) => Promise<void>;

/** The same for a command that must work without them, where the database is away, say. */
export type ActAlone = <Args extends unknown[]>(
  work: (...args: Args) => Promise<Report>,
) => (...args: Args) => Promise<void>;

/** A command of `npm run ops`, as its file in commands/ describes it. */
export type Describe = (act: Act, actAlone: ActAlone) => Command;
