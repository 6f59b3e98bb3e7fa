import { styleText } from 'node:util';
import { Command } from 'commander';
import { loadConfig } from '../../config.ts';
import { plainLines } from '../../one-line.ts';
import type { Describe, Report } from '../command.ts';
import { examine } from '../doctor/examine.ts';
import type { Finding, State } from '../doctor/finding.ts';

export const doctor: Describe = (_act, actAlone) =>
  new Command('doctor')
    .description('Looks for what is wrong: configuration, database, clocks, Stripe, what is owed.')
    .addHelpText('after', '\nExample:\n  npm run ops -- doctor')
    .action(actAlone(async () => reportOf(await examine(loadConfig))));

export function reportOf(findings: readonly Finding[]): Report {
  const ok = findings.every(({ state }) => state !== 'wrong');
  return { ok, data: findings, text: findings.map(line).join('\n') };
}

const marks = {
  ok: ['green', '✓'],
  warning: ['yellow', '!'],
  wrong: ['red', '✗'],
  not_checked: ['dim', '-'],
} as const satisfies Record<State, unknown>;

/** Colored at a terminal alone. */
function line({ check, state, message }: Finding): string {
  const [color, mark] = marks[state];
  const said = plainLines(message).replaceAll('\n', '\n  ');
  return `${styleText(color, mark)} ${check}: ${state === 'not_checked' ? 'not checked: ' : ''}${said}`;
}
