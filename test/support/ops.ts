import { run } from './process.ts';

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
