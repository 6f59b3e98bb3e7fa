import { Command } from 'commander';
import { z } from 'zod';
import { asJson, runCommandLine, typed, typedOption } from '../command-line.ts';
import { loadConfig } from '../config.ts';
import { createLogger } from '../logger.ts';
import { hideProgress, showProgress } from '../progress.ts';
import { wholeNumber } from '../shapes.ts';
import { asText, dataOf, isAllWell } from './report.ts';
import { type ScenarioName, scenarioNames, scenarios } from './scenarios.ts';
import { simulate } from './simulate.ts';

const help = `
Scenarios:
${scenarioNames.map((name) => `  ${name.padEnd(19)}${scenarios[name].about}`).join('\n')}

Examples:
  npm run simulate -- paid
  npm run simulate -- delayed-failed --count 5
  npm run simulate -- paid --count 200 --timeout 60
  npm run --silent simulate -- reordered --json

Exit code: 0 every order ended as its scenario promises, 1 one did not, 2 bad usage.`;

const scenario = z.enum(scenarioNames, 'must be one of those below: there is no such scenario');

/** `npm run simulate`: plays Stripe and its customers, so that a newcomer sees orders being fulfilled. */
const program = new Command('npm run simulate --')
  .description('Sends signed Checkout events to the running service and says what became of each order.')
  .argument('<scenario>', 'one of those below', typed(scenario))
  .option('--count <n>', 'how many checkout sessions', typedOption(wholeNumber(1, 999_999)), 1)
  .option('--timeout <seconds>', 'how long their orders may take', typedOption(wholeNumber(1, 999_999)), 30)
  .option('--json', 'print one JSON document')
  .addHelpText('after', help)
  .showHelpAfterError(`The scenarios are ${scenarioNames.join(', ')}.\nHelp: npm run simulate -- --help`)
  .exitOverride()
  .action(run);

interface Options {
  readonly count: number;
  readonly timeout: number;
  readonly json?: true;
}

async function run(scenario: ScenarioName, { count, timeout, json }: Options): Promise<void> {
  const config = loadConfig();
  const simulation = { scenario, count, timeoutMs: timeout * 1_000 };
  const log = createLogger(json ? 'silent' : 'warn', process.stdout.isTTY);
  const openProgress = json || count === 1 ? hideProgress : showProgress;
  const results = await simulate(config, simulation, { log, openProgress });
  process.stdout.write(json ? asJson(dataOf(scenario, results, config)) : asText(scenario, results, config));
  process.exitCode = isAllWell(results) ? 0 : 1;
}

await runCommandLine(
  program,
  "The database has no orders: run this in the service's directory and with its DATABASE_URL.",
);
