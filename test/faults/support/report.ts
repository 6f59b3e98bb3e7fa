import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import Table from 'cli-table3';

const file = path.join(import.meta.dirname, '../../../.data/faults.jsonl');

/** One line of the table. `sessions` were sold, `taken` to `broken` are deliveries. */
interface Finding {
  readonly fault: string;
  readonly done: string;
  readonly sessions?: number;
  readonly taken?: number;
  readonly refused?: number;
  readonly broken?: number;
  readonly slowestMs?: number;
  /** Absent where nothing that the service needs was away. */
  readonly servedAgainMs?: number | undefined;
  readonly repeatedCalls?: number;
  readonly lost?: number;
  readonly twice?: number;
}

/** Test files share nothing else. */
export async function report(finding: Finding): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await appendFile(file, `${JSON.stringify(finding)}\n`);
}

/** @throws always, so that what was not shown doesn't count as passed */
export async function notDoneHere(fault: string, needs: string): Promise<never> {
  const done = `not done here: needs ${needs}`;
  await report({ fault, done });
  throw new Error(done);
}

export async function forgetReports(): Promise<void> {
  await rm(file, { force: true });
}

/** What was done to the service, and what was lost. */
export async function printTable(): Promise<void> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const columns: [keyof Finding, string][] = [
    ['fault', 'fault'],
    ['done', 'what was done'],
    ['sessions', 'sessions'],
    ['taken', '200'],
    ['refused', '4xx, 5xx'],
    ['broken', 'broken off'],
    ['slowestMs', 'slowest answer, ms'],
    ['servedAgainMs', 'serving again, ms'],
    ['repeatedCalls', 'repeated calls'],
    ['lost', 'lost'],
    ['twice', 'twice'],
  ];
  const table = new Table({ head: columns.map(([, heading]) => heading), style: { head: [], border: [] } });
  for (const line of lines) {
    const finding = JSON.parse(line) as Finding;
    table.push(columns.map(([column]) => String(finding[column] ?? '')));
  }
  process.stdout.write(`\n${table}\n`);
}
