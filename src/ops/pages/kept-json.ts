/** What an order keeps as Stripe sent it, as lines of text. */

/** What stands in an object of Stripe's, at any depth. */
export function flat(value: unknown): string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(flat);
  return value === null || value === undefined || value === '' ? [] : [String(value)];
}

/** In the order of an envelope: jsonb keeps none. */
export function envelope(details: unknown): string[] {
  const { name, phone, address } = (details ?? {}) as Record<string, Record<string, string> | undefined>;
  const { line1, line2, postal_code, city, state, country } = address ?? {};
  return flat([name, line1, line2, flat([postal_code, city]).join(' '), state, country, phone]);
}

export function pairs(value: unknown): string[] {
  return Object.entries(value ?? {}).map(([key, inner]) => `${key}: ${flat(inner).join(', ')}`);
}

/** What the customer filled in. Stripe tells each option of a dropdown beside the one that was chosen. */
export function answers(fields: unknown): string[] {
  return (Array.isArray(fields) ? fields : []).flatMap((field) => {
    const { key, label, type } = field ?? {};
    const { value, options } = field?.[type] ?? {};
    const chosen = Array.isArray(options) ? options.find((option) => option?.value === value) : null;
    const answer = flat(chosen?.label ?? value).join(' ');
    return answer === '' ? [] : `${flat(label?.custom ?? key).join(' ')}: ${answer}`;
  });
}
