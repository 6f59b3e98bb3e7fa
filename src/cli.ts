import { userInfo } from 'node:os';
import { Command } from 'commander';
import { asJson, runCommandLine } from './command-line.ts';
import { loadConfig } from './config.ts';
import { openStripe } from './connect.ts';
import { openOpsPool } from './db/database.ts';
import { createLogger } from './logger.ts';
import type { Act, ActAlone, Tools } from './ops/command.ts';
import { commands } from './ops/commands.ts';
import { NotAnId } from './ops/identify.ts';

/** `npm run ops`: what operators do from a terminal. */
const program = new Command('npm run ops --')
  .description('Sees every order, and steers every problem.')
  .addHelpText('after', '\nExit code: 0 done, 1 failed or something is wrong, 2 bad usage.');

const act: Act = (work) => actAlone((...args) => withTools((tools) => work(tools, ...args)));

const actAlone: ActAlone =
  (work) =>
  async (...args) => {
    const { json } = commandOf(args).opts<{ json?: true }>();
    const report = await work(...args).catch((error) => {
      if (error instanceof NotAnId) commandOf(args).error(error.message);
      throw error;
    });
    process.stdout.write(json ? asJson(report.data) : `${report.text}\n`);
    process.exitCode = report.ok ? 0 : 1;
  };

/** commander hands the command itself over as the last argument. */
function commandOf(args: readonly unknown[]): Command {
  return args.at(-1) as Command;
}

async function withTools<T>(work: (tools: Tools) => Promise<T>): Promise<T> {
  const config = loadConfig();
  const log = createLogger('warn', process.stderr.isTTY, 2);
  await using opened = new AsyncDisposableStack();
  const db = await openOpsPool(config, log, opened);
  const stripe = await openStripe(config, log, opened);
  const width = process.stdout.isTTY ? process.stdout.columns : null;
  return await work({ config, db, stripe, width, actor: `cli:${userName()}` });
}

/** A container may run as a user of whom its system knows nothing but the number. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

for (const describe of commands) program.addCommand(describe(act, actAlone));
for (const command of withAllBelow(program)) {
  command.exitOverride().showHelpAfterError('Help: npm run ops -- --help');
  if (command.commands.length === 0) command.option('--json', 'print one JSON document');
}

function withAllBelow(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withAllBelow)];
}

await runCommandLine(
  program,
  'The database lacks a table: run `npm run migrate`, or start the service once.',
);
