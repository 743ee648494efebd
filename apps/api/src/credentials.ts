/** The caller of a request: the token it sends, its rights, and its name in records. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Right } from './contract.ts';

type WithHeaders = Pick<FastifyRequest, 'headers'>;

export interface Tokens {
  token?: string;
  /** May read, but change nothing. */
  readToken?: string;
}

/** Returns a function that gives the right of a request by its token, or undefined if the token is missing or wrong. */
export function rightsBy({ token, readToken }: Tokens): (request: WithHeaders) => Right | undefined {
  if (token === undefined) return () => 'change';
  const [full, read] = [digest(token), readToken === undefined ? undefined : digest(readToken)];
  return (request) => {
    const given = digest(passwordOf(request)?.password ?? '');
    if (timingSafeEqual(given, full)) return 'change';
    return read && timingSafeEqual(given, read) ? 'look' : undefined;
  };
}

/** Name of the caller as it was typed: the user name of HTTP Basic, `token`, or `local` if no token was sent. */
export function operatorOf(request: WithHeaders): string {
  const given = passwordOf(request);
  if (given === undefined) return 'local';
  return given.user === '' ? 'token' : given.user;
}

/** User and password of a request; a bearer token is a password without a user. Undefined if it has neither. */
export function passwordOf({ headers }: WithHeaders): { user: string; password: string } | undefined {
  const [, scheme = '', value = ''] = /^(Bearer|Basic) +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (scheme === '') return undefined;
  if (scheme.toLowerCase() === 'bearer') return { user: '', password: value };
  const [user = '', ...password] = Buffer.from(value, 'base64').toString().split(':');
  return { user, password: password.join(':') };
}

/** Compares two tokens in constant time. */
export function sameToken(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

/** All digests have the same length, as the comparison in constant time requires. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
