import { domainToASCII } from 'node:url';
import addressparser from 'nodemailer/lib/addressparser';
import pg from 'pg';
import { z } from 'zod';

/** Shapes of what a person types, each with one sentence of what it must be. */

export function wholeNumber(min: number, max: number) {
  return z.coerce.number(`must be a whole number from ${min} to ${max}`).int().min(min).max(max);
}

export function oneOf<const T extends readonly string[]>(...values: T) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

const ESCAPED = 'percent-encode special characters of the password: %23 for #, %2F for /';

export function url(...protocols: string[]) {
  return z
    .string()
    .refine((text) => protocols.some((protocol) => text.toLowerCase().startsWith(`${protocol}//`)), {
      error: `must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`,
      abort: true,
    })
    .refine((text) => URL.parse(text)?.hostname, {
      error: `can't be read: look at its host and port, and ${ESCAPED}`,
      abort: true,
    });
}

export function urlWithPassword(...protocols: string[]) {
  return url(...protocols).regex(withWholePassword, `can't be read: ${ESCAPED}`);
}

/**
 * A URL whose password is whole. In a password an unescaped / ? or # ends the part of the URL that holds it and the host:
 * its pieces would be taken for a host and a database, and told in errors. Such a URL is known by an @ behind that
 * character, where only a parameter's value may hold one.
 */
const withWholePassword = /^\w+:\/\/[^/?#]*(\/[^@?#]*)?(\?[^@=#]*(=[^#]*)?)?$/;

/** As pg reads it, which takes the directory of a socket in place of a host: no URL has a user and no host. */
export const connectionString = z
  .string()
  .refine((text) => /^postgres(ql)?:\/\//i.test(text), {
    error: 'must be a URL that begins with postgres:// or postgresql://',
    abort: true,
  })
  .transform(verifying)
  .refine(
    isReadable,
    `can't be read: look at its host (one alone), its port and the files that it names, and ${ESCAPED}`,
  );

/** pg takes these modes for verify-full, and said in ten lines at each start and command that its next version will not. */
function verifying(text: string): string {
  if (text.includes('uselibpqcompat=true')) return text;
  return text.replace(/([?&]sslmode=)(prefer|require|verify-ca)(?=[&#]|$)/, '$1verify-full');
}

function isReadable(text: string): boolean {
  try {
    const { host } = new pg.Client({ connectionString: text });
    return withWholePassword.test(text) && !host.includes(',');
  } catch {
    return false;
  }
}

export const sender = z
  .string()
  .refine(
    (text) => hostOf(text) !== null,
    'must be one mail address, with or without a name (in double quotes if that has a colon or a comma)',
  );

/** One plain mail address: nothing in it reads as a second recipient or as another header. */
export const plainAddress = /^[^\s\p{C}"(),:;<>@[\\\]]+@([^\s\p{C}"'(),:;<>@[\\\]]+)$/u;

/**
 * Of one mail address, with or without a name, in ASCII, as headers are. Null: the text is none, or has others beside it, or
 * is a group (`Mugs: Orders <…>`), which no mail comes from (RFC 5322, 3.6.2).
 */
export function hostOf(text: string): string | null {
  const [first, ...others] = addressparser(text);
  const [, host = ''] = plainAddress.exec(first?.address ?? '') ?? [];
  return (others.length === 0 && domainToASCII(host)) || null;
}
