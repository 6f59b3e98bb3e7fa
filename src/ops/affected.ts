/** How many rows of each kind something was done to. */
export interface Affected {
  readonly fulfillments: number;
  readonly notifications: number;
}

export function isNone({ fulfillments, notifications }: Affected): boolean {
  return fulfillments + notifications === 0;
}
