/** As much of babel's paths as is asked here. */
interface Path {
  readonly node: { readonly type: string };
  readonly parent: { readonly callee?: { readonly object?: { readonly name?: string } } } | null;
}

/** How a log line is worded is nobody's promise. What it carries beside the words is mutated as all else is. */
function shouldIgnore({ node, parent }: Path): string | undefined {
  const isWording = node.type === 'StringLiteral' && parent?.callee?.object?.name === 'log';
  return isWording ? 'the wording of a log line' : undefined;
}

export const strykerPlugins = [{ kind: 'Ignore', name: 'log-wording', value: { shouldIgnore } }];
