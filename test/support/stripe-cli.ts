import { createRequire } from 'node:module';
import path from 'node:path';
import { runFile, type TestProcess, workDir } from './process.ts';

const require = createRequire(import.meta.url);
const { pkg, bin } = require('@stripe/cli/platforms.json')[`${process.platform}-${process.arch}`];
/** What `npx stripe` starts. That itself would leave it behind when a signal ends it. */
const binary = path.join(path.dirname(require.resolve(`${pkg}/package.json`)), 'bin', bin);

/** Stripe's own command line, logged in by a key. What it keeps is the test's, and Stripe is told nothing. */
export function startStripe(args: readonly string[]): TestProcess {
  const env = { HOME: workDir, STRIPE_API_KEY: 'sk_test_sandbox', STRIPE_CLI_TELEMETRY_OPTOUT: '1' };
  return runFile(binary, env, args);
}

/** What it prints, once it has ended. Stripe's refusals are printed as well, with exit code 0. */
export async function stripe(...args: string[]): Promise<string> {
  await using command = startStripe(args);
  const { code } = await command.ended;
  const { stdout, stderr } = command.written;
  if (code !== 0) throw new Error(`stripe ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}
