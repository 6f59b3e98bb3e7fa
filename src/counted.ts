/** `1,000`. */
export function figure(count: number): string {
  return count.toLocaleString('en');
}

/** `1 order`, `1,000 orders`. */
export function counted(count: number, thing: string): string {
  return `${figure(count)} ${thing}${count === 1 ? '' : 's'}`;
}
