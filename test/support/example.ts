import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { until } from './until.ts';

const examples = path.resolve(import.meta.dirname, '../../examples');

/** A program of examples/, in a folder of the test's own. `await using` ends it with its block. */
interface Example extends AsyncDisposable {
  /** Of the first line that says it is ready. */
  readonly match: RegExpExecArray;
}

export async function startExample(
  program: string,
  { cwd, env, ready }: { cwd: string; env: Readonly<Record<string, string>>; ready: RegExp },
): Promise<Example> {
  const runtime = program.endsWith('.py') ? 'python3' : process.execPath;
  const child = spawn(runtime, [path.join(examples, program)], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let written = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written += text;
  });
  const match = await until(`examples/${program} is ready`, () => ready.exec(written));
  return {
    match,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
