/** What can be made to go wrong, by the names of the form's switches. */
export const troubles = {
  twice: ['Deliver every event twice', 'Stripe promises at least once.'],
  shuffle: [
    'Deliver a bank debit’s events in the wrong order',
    'The bank’s word first, the checkout after it.',
  ],
  delay: ['Deliver 10 s late', 'The customer is back long before the event.'],
  lose: ['Lose the first delivery', 'Stripe delivers again what was not acknowledged.'],
  forge: ['Sign the first delivery with a wrong secret', 'It must be refused.'],
  down: ['The receiver is down', 'Your backend answers 503 until you repair it.'],
  gone: ['The customer closes the window', 'The success page is never loaded, so it asks for nothing.'],
} as const satisfies Record<string, readonly [name: string, about: string]>;

export type TroubleName = keyof typeof troubles;

export const troubleNames = Object.keys(troubles) as TroubleName[];

export type Trouble = ReadonlySet<TroubleName>;
