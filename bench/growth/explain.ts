import type { Knex } from '../../src/db/knex.ts';
import type { Question } from './questions.ts';

export interface Answer {
  readonly name: string;
  /** Planned and executed, the slowest of three. */
  readonly ms: number;
  /** Pages touched, in memory or not. */
  readonly pages: number;
  readonly rows: number;
  readonly indexes: readonly string[];
  /** Tables that the plan reads from end to end. */
  readonly scanned: readonly string[];
}

interface Node {
  readonly 'Node Type': string;
  readonly 'Actual Rows': number;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly Node[];
}

interface Explained {
  readonly Plan: Node;
  readonly 'Planning Time': number;
  readonly 'Execution Time': number;
}

const TIMES = 3;

/** Asks, and takes back what asking changed. */
export async function answerOf(db: Knex, question: Question): Promise<Answer> {
  const all: Explained[] = [];
  for (let i = 0; i < TIMES; i += 1) all.push(await explained(db, question));
  const [{ Plan: plan }] = all as [Explained];
  const nodes = withDescendants(plan);
  return {
    name: question.name,
    ms: Math.max(...all.map((one) => one['Planning Time'] + one['Execution Time'])),
    pages: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
    rows: plan['Actual Rows'],
    indexes: [...new Set(nodes.flatMap((node) => node['Index Name'] ?? []))],
    scanned: nodes.flatMap((node) =>
      node['Node Type'] === 'Seq Scan' ? (node['Relation Name'] as string) : [],
    ),
  };
}

async function explained(db: Knex, { ask }: Question): Promise<Explained> {
  const { promise, resolve } = Promise.withResolvers<Explained>();
  const trx = await db.transaction();
  const raw = async (sql: string, bindings: Knex.ValueDict) => {
    const { rows } = await trx.raw(`explain (analyze, buffers, format json) ${sql}`, bindings);
    resolve(rows[0]['QUERY PLAN'][0]);
    return { rows: [], rowCount: 0 };
  };
  await ask({ raw } as unknown as Knex);
  await trx.rollback();
  return promise;
}

function withDescendants(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(withDescendants)];
}
