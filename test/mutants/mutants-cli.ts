import { availableParallelism } from 'node:os';
import { Stryker } from '@stryker-mutator/core';
import { Argument, Command } from 'commander';
import startTestServer from '../support/global-setup.ts';
import stopTestServer from '../support/global-teardown.ts';

/** Each room is judged by its own tests alone: what only a whole story would notice counts as not noticed. */
const rooms = ['stripe', 'orders', 'work', 'fulfillment'] as const;
const reports = '.data/mutants';

const optionsOf = (room: string, again: boolean): ConstructorParameters<typeof Stryker>[0] => ({
  mutate: [`src/${room}/**/*.ts`],
  testRunner: 'jest',
  testRunnerNodeArgs: ['--experimental-vm-modules', '--no-warnings'],
  jest: {
    config: {
      testMatch: [`**/test/${room}/**/*.test.ts`],
      testEnvironment: './test/mutants/stop-at-failure.ts',
      testTimeout: 20_000,
      // One server and one migrated template for all the runs, from here.
      globalSetup: null,
      globalTeardown: null,
    },
  },
  coverageAnalysis: 'perTest',
  plugins: ['@stryker-mutator/jest-runner', './test/mutants/log-wording.ts'],
  ignorers: ['log-wording'],
  // Stryker would rewrite the tsconfig.json with an API that TypeScript 7 has no more; swc does not read it.
  ignorePatterns: ['.data', 'bench', 'docs', 'tsconfig.json'],
  disableTypeChecks: false,
  // The tests of a mutant wait more than they work.
  concurrency: 2 * availableParallelism(),
  timeoutMS: 20_000,
  timeoutFactor: 2,
  tempDirName: `${reports}/sandbox`,
  cleanTempDir: 'always',
  incremental: true,
  force: !again,
  incrementalFile: `${reports}/${room}.incremental.json`,
  reporters: ['clear-text', 'html', 'json', 'progress'],
  clearTextReporter: { reportTests: false, logTests: false },
  htmlReporter: { fileName: `${reports}/${room}.html` },
  jsonReporter: { fileName: `${reports}/${room}.json` },
  thresholds: { high: 95, low: 90, break: 90 },
});

const program = new Command('npm run test:mutants --')
  .description('Breaks the code in one place at a time, and asks whether the tests of its room notice.')
  .addArgument(new Argument('[rooms...]', 'all of them unless named').choices(rooms).default(rooms))
  .option(
    '--again',
    'take over from the last run what code and tests have not changed (roughly: not for the last word)',
  )
  .parse();

const { again = false } = program.opts<{ again?: boolean }>();

// A test of a mutant often waits in vain.
process.env.TEST_PATIENCE = '8';
await startTestServer();
try {
  for (const room of program.args.length > 0 ? program.args : rooms) {
    process.stdout.write(`\n${room}\n`);
    await new Stryker(optionsOf(room, again)).runMutationTest();
  }
} finally {
  await stopTestServer();
}
