import { type Command, CommanderError, InvalidArgumentError } from 'commander';
import type { z } from 'zod';
import { isTableMissing } from './db/errors.ts';
import { messageOf } from './errors.ts';
import { plainLines } from './one-line.ts';

/** Reads what somebody typed by a shape whose faults say what it must be. */
export function typed<T>(shape: z.ZodType<T>): (text: string) => T {
  return (text) => {
    const parsed = shape.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(`It ${parsed.error.issues.map(({ message }) => message).join('; ')}.`);
  };
}

/** The same for an option's value. Where it was forgotten, commander takes the next option for it. */
export function typedOption<T>(shape: z.ZodType<T>): (text: string) => T {
  const read = typed(shape);
  return (text) => {
    if (text.startsWith('--')) throw new InvalidArgumentError('It must not begin with --, as options do.');
    return read(text);
  };
}

/**
 * Runs a command line. What fails says so in a line, and with --json in a document as well, so that a program reads one whatever
 * became of the command. Its exit code is 2 for bad usage, else 1.
 * @param tableMissing what to say where the service's tables are not there
 */
export async function runCommandLine(program: Command, tableMissing: string): Promise<void> {
  // A reader that has read enough, such as `head`, goes; the command comes to its end all the same.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    // Thrown here, Node 26 lost it after a command that had asked an embedded database: half a file had exit code 0.
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  });
  // On a full disk a command goes on, and only its progress is not told.
  process.stderr.on('error', () => {});
  try {
    await program.parseAsync();
  } catch (error) {
    // It was only asked for help.
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const isBadUsage = error instanceof CommanderError;
    // Stripe's words, or PostgreSQL's, may be what somebody else has sent them.
    const words = isTableMissing(error) ? tableMissing : plainLines(messageOf(error).replace(/^error: /, ''));
    if (process.argv.includes('--json')) process.stdout.write(asJson({ error: words }));
    // Of bad usage the program itself has said what is wrong.
    if (!isBadUsage) process.stderr.write(`${words}\n`);
    process.exitCode = isBadUsage ? 2 : 1;
  }
}

export function asJson(data: unknown): string {
  return `${JSON.stringify(data, null, 2)}\n`;
}
