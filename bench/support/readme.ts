import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The statements that the README shows to operators, as they stand there. */
export function readmeStatements(): string[] {
  const readme = readFileSync(path.resolve(import.meta.dirname, '../../README.md'), 'utf8');
  return [...readme.matchAll(/^```sql\n(.*?)^```$/gms)].flatMap(([, block = '']) =>
    block.split(/;\s*$/m).flatMap((statement) => statement.trim() || []),
  );
}
