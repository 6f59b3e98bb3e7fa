import { messageOf } from './errors.ts';

/** Runs a program of this project. One that can't start says why in one message, without a stack, and exits with 1. */
export async function runProgram(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`checkout-fulfillment can not start: ${explain(error)}\n`);
    process.exit(1);
  }
}

function explain(error: unknown): string {
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === 'EADDRINUSE')
    return `${address}:${port} is taken by another program. Set PORT to another one.`;
  if (code !== undefined && ['ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL', 'EINVAL'].includes(code))
    return 'HOST is no address of this machine. Set it to one, such as 127.0.0.1, or 0.0.0.0 for all of them.';
  return messageOf(error);
}
