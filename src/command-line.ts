import { type Command, CommanderError, InvalidArgumentError } from 'commander';
import type { z } from 'zod';
import { isTableMissing } from './db/errors.ts';
import { messageOf } from './errors.ts';

/** What an error says to whoever typed the command; `tableMissing` where the service's tables are not there. */
export function wordsOf(error: unknown, tableMissing: string): string {
  return isTableMissing(error) ? tableMissing : messageOf(error);
}

/** Reads what somebody typed by a shape whose faults say what it must be. */
export function typed<T>(shape: z.ZodType<T>): (text: string) => T {
  return (text) => {
    if (text.startsWith('--')) throw new InvalidArgumentError('It must not begin with --, as options do.');
    const parsed = shape.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(`It ${parsed.error.issues.map(({ message }) => message).join('; ')}.`);
  };
}

/** Runs a command line. What fails says so in a line; its exit code is 2 for bad usage, else 1. */
export async function runCommandLine(program: Command, tableMissing: string): Promise<void> {
  // Who has read enough goes, as `head` does; the command comes to its end all the same.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    // Thrown here, Node 26 lost it after a command that had asked an embedded database: half a file had exit code 0.
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  });
  try {
    await program.parseAsync();
  } catch (error) {
    // It has said itself what is wrong, or was only asked for help.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    process.stderr.write(`${wordsOf(error, tableMissing)}\n`);
    process.exitCode = 1;
  }
}
