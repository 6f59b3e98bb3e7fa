import { readFileSync } from 'node:fs';
import dotenv from 'dotenv';
import { messageOf, SetupError } from './errors.ts';

/**
 * The variables of `.env`; none where there is no such file. One that is there and can't be read is an error: without its
 * settings a shop would start as a sandbox.
 * @throws {SetupError}
 */
export function readEnvFile(): Record<string, string> {
  let text: string;
  try {
    text = readFileSync('.env', 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new SetupError(`.env can't be read: ${messageOf(error)}`, { cause: error });
  }
  // As PowerShell writes it by `>`.
  if (text.includes('\0')) throw new SetupError('.env is in UTF-16: save it as UTF-8');
  // As an editor of Windows may write it: the shop's name would stand in mails with a character that nobody can read.
  if (text.includes('\uFFFD')) throw new SetupError('.env is not in UTF-8: save it so');
  return dotenv.parse(text);
}
