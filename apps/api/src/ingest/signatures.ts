/** Signatures of alerting tools over the raw bytes of a body. */
import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { sameToken } from '../credentials.ts';

/** A source that can sign its requests, and how. */
export interface Signing {
  secret: string;
  /** Name of the environment variable with the secret. */
  variable: string;
  isSigned(headers: IncomingHttpHeaders, body: Buffer, secret: string): boolean;
}

/** @param secrets of the environment @returns the sources that sign, by name */
export function signings(secrets: {
  sentrySecret?: string;
  pagerdutySecret?: string;
  grafanaSecret?: string;
}): Map<string, Signing> {
  const all: Array<[string, string | undefined, Omit<Signing, 'secret'>]> = [
    ['sentry', secrets.sentrySecret, { variable: 'KORA_SENTRY_CLIENT_SECRET', isSigned: isSentry }],
    ['pagerduty', secrets.pagerdutySecret, { variable: 'KORA_PAGERDUTY_WEBHOOK_SECRET', isSigned: isPagerDuty }],
    ['grafana', secrets.grafanaSecret, { variable: 'KORA_GRAFANA_WEBHOOK_SECRET', isSigned: isGrafana }],
  ];
  return new Map(
    all.flatMap(([source, secret, signing]) => (secret === undefined ? [] : [[source, { secret, ...signing }]])),
  );
}

function isSentry(headers: IncomingHttpHeaders, body: Buffer, secret: string): boolean {
  return sameToken(headerOf(headers, 'sentry-hook-signature'), hmac(secret, body));
}

/** The header holds a signature for each secret while PagerDuty rotates them: `v1=HEX,v1=HEX`. */
function isPagerDuty(headers: IncomingHttpHeaders, body: Buffer, secret: string): boolean {
  const expected = `v1=${hmac(secret, body)}`;
  const given = headerOf(headers, 'x-pagerduty-signature').split(',');
  return given.some((one) => sameToken(one.trim(), expected));
}

/** With a timestamp header, which is optional, Grafana signs `TIMESTAMP:BODY`. */
function isGrafana(headers: IncomingHttpHeaders, body: Buffer, secret: string): boolean {
  const timestamp = headerOf(headers, 'x-grafana-alerting-timestamp');
  const signed = timestamp === '' ? body : Buffer.concat([Buffer.from(`${timestamp}:`), body]);
  return sameToken(headerOf(headers, 'x-grafana-alerting-signature'), hmac(secret, signed));
}

/** A header that is a single text; otherwise ''. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

function hmac(secret: string, body: Buffer): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}
