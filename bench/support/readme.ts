import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The statements that the README shows to operators, as they stand there. */
export function readmeStatements(): string[] {
  return statementsOf(readFileSync(path.resolve(import.meta.dirname, '../../README.md'), 'utf8'));
}

/** The SQL of a page's blocks, a statement each. */
export function statementsOf(page: string): string[] {
  return [...page.matchAll(/^```sql\n(.*?)^```$/gms)].flatMap(([, block = '']) =>
    block.split(/;\s*$/m).flatMap((statement) => statement.trim() || []),
  );
}
