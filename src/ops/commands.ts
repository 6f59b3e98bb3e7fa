import type { Describe } from './command.ts';
import { retry } from './commands/retry.ts';

/** In the order of the help. */
export const commands: readonly Describe[] = [retry];
