/** The names that lines of an environment file set, or would: `NAME=value`, `# NAME=value`. */
export function variablesIn(text: string): string[] {
  return [...text.matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name = '']) => name);
}
