import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';

/** Where a person is asked: standard error, so that standard output holds a command's result alone. */
interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream;
}

/**
 * Whether a person agrees to what can't be undone: by `--yes`, or by typing it at the terminal. Without a terminal it is
 * a program that has called, and nobody is there to answer: that counts as agreed.
 */
export async function confirmed(
  question: string,
  { yes }: { yes?: true },
  { stdin, stderr }: Terminal = process,
): Promise<boolean> {
  if (yes || !stdin.isTTY) return true;
  const prompt = createInterface({ input: stdin, output: stderr, terminal: false });
  // The input may end before there is an answer (^D).
  const ended = once(prompt, 'close').then(() => '');
  try {
    const answer = await Promise.race([prompt.question(`${question} Type yes to go on: `), ended]);
    return answer.trim().toLowerCase() === 'yes';
  } finally {
    prompt.close();
  }
}
