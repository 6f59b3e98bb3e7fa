/** JSON as text, since some of it (a number beyond all others, half a surrogate) has no value in JavaScript that writes it. */
export const hostileValues: readonly string[] = [
  'null',
  '""',
  '" "',
  '"x"',
  '"usd"',
  '"paid"',
  '"setup"',
  '"4999"',
  '"ünï 🎈"',
  '"a\\u0000b"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"__proto__"',
  `"'; drop table orders; --"`,
  '"{{7*7}} <%=7*7%> %00 %n"',
  '"a@example.com\\r\\nBcc: b@example.com"',
  `"${'x'.repeat(255)}"`,
  `"${'x'.repeat(256)}"`,
  `"${'x'.repeat(900_000)}"`,
  'true',
  'false',
  '0',
  '-0',
  '-1',
  '1.0',
  '0.1',
  '1e3',
  '9007199254740991',
  '9007199254740992',
  '-9007199254740992',
  '9223372036854775808',
  '253402300799',
  '253402300800',
  '1e308',
  '1e400',
  '-1e400',
  `0.${'0'.repeat(1_000)}1`,
  `1${'0'.repeat(1_000)}`,
  '[]',
  '[null]',
  '["cs_test_1"]',
  '{}',
  '{"id":"cus_1"}',
  '{"id":null}',
  '{"id":{"id":"cus_1"}}',
  '{"object":"checkout.session"}',
  '{"__proto__":{"status":"paid"}}',
  '{"constructor":{"prototype":{"paid":true}}}',
  '{"toJSON":"x","then":"y","toString":1}',
  '{"a":1,"a":2}',
  '{"\\u0000":"\\u0000","\\ud800":1}',
  nested(99),
  nested(101),
  nested(5_000),
];

function nested(levels: number): string {
  return `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
}

/** Every field of an event and of its session that the service reads: src/stripe/event.ts, checkout-session.ts. */
export const eventFields = [
  'object',
  'id',
  'type',
  'api_version',
  'account',
  'created',
  'livemode',
  'data',
  'data.object',
];

export const sessionFields = [
  'object',
  'id',
  'mode',
  'status',
  'payment_status',
  'livemode',
  'currency',
  'amount_subtotal',
  'amount_total',
  'customer',
  'customer_email',
  'customer_details',
  'customer_details.email',
  'customer_details.name',
  'client_reference_id',
  'payment_intent',
  'payment_link',
  'subscription',
  'customer_details.phone',
  'shipping_cost',
  'presentment_details',
  'collected_information',
  'collected_information.shipping_details',
  'shipping_details',
  'shipping',
  'custom_fields',
  'total_details',
  'metadata',
];

/** The event as text with this value, or nothing at all, in the place of a field: `type`, `data.object.customer_details.email`. */
export function withField(event: object, field: string, value: string | undefined): string {
  const PLACE = 'here-stands-the-value';
  const copy = structuredClone(event) as Record<string, unknown>;
  const path = field.split('.');
  const last = path.pop() as string;
  let parent = copy;
  for (const key of path) {
    parent[key] ??= {};
    parent = parent[key] as Record<string, unknown>;
  }
  if (value === undefined) delete parent[last];
  else parent[last] = PLACE;
  // A function, since in a text `$&` and the like mean something.
  return JSON.stringify(copy).replace(`"${PLACE}"`, () => value ?? '');
}
