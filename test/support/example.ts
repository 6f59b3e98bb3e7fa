import path from 'node:path';
import { root, runFile, type TestProcess, untilItWrites } from './process.ts';

/** A program of examples/, in a folder of the test's own. `await using` ends it with its block. */
interface Example extends TestProcess {
  /** Of the first line that says it is ready. */
  readonly match: RegExpExecArray;
}

export async function startExample(
  program: string,
  { cwd, env, ready }: { cwd: string; env: Readonly<Record<string, string>>; ready: RegExp },
): Promise<Example> {
  const runtime = program.endsWith('.py') ? 'python3' : process.execPath;
  const example = runFile(runtime, env, [path.join(root, 'examples', program)], { cwd });
  return { ...example, match: await untilItWrites(example, ready) };
}
