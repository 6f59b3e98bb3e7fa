import path from 'node:path';
import { Command } from 'commander';
import { parseConfig } from '../../src/config.ts';
import { openPool } from '../../src/db/knex.ts';
import type { Act, Report } from '../../src/ops/command.ts';
import { commands } from '../../src/ops/commands.ts';
import { createStripe } from '../../src/stripe/client.ts';
import { atEnd } from './at-end.ts';
import { silent } from './log.ts';
import { run, workDir } from './process.ts';

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm run ops -- …args`, as a process of its own. */
export async function ops(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Ran> {
  await using command = run('src/cli.ts', env, args);
  const { code } = await command.ended;
  return { code, ...command.written };
}

/**
 * The same commands in this process, which takes a tenth of the time: what they do and report. That it is printed, and the
 * exit code, are src/cli.ts, for tests of `ops`. Bad usage is an error here.
 */
export function openOps(env: { readonly DATABASE_URL: string; readonly [variable: string]: string }) {
  const config = { ...parseConfig(env), dataDir: path.join(workDir, '.data') };
  const db = openPool(env.DATABASE_URL, { kind: 'ops', max: 2, log: silent });
  atEnd(() => db.destroy());
  const { secretKey, apiBase } = config.stripe;
  const stripe = createStripe(secretKey, apiBase);
  const tools = { config, db, stripe, width: null, actor: 'cli:test' };

  return async (...args: string[]): Promise<Report> => {
    let report: Report | undefined;
    const act: Act =
      (work) =>
      async (...given) => {
        report = await work(tools, ...given);
      };
    const program = new Command().exitOverride().configureOutput({ writeErr() {} });
    for (const describe of commands) {
      const command = describe(act, () => () => Promise.reject(new Error('ask it by `ops`')));
      program.addCommand(command.copyInheritedSettings(program).option('--json'));
    }
    await program.parseAsync(args, { from: 'user' });
    return report as Report;
  };
}
