/** Links of an alert, such as its runbook or its dashboard. */
import type { Json } from './json.ts';
import { limitName } from './limits.ts';
import type { Redact } from './redact.ts';

/** Links that are kept, and the longest URL, characters. */
const MAX_LINKS = 10;
const MAX_URL = 2_000;

/** Only web addresses without a secret: a redacted address leads nowhere. @param links names and URLs */
export function safeLinks(links: Record<string, Json>, redact: Redact): Record<string, string> {
  const safe = Object.entries(links).flatMap(([name, url]): Array<[string, string]> => {
    if (typeof url !== 'string' || url.length > MAX_URL || !/^https?:\/\/[^\s<>"|]+$/i.test(url)) return [];
    // Other addresses get their usual form: a lower-case scheme, and no invisible characters.
    const address = /^https?:\/\/[\x21-\x7E]+$/.test(url) ? url : URL.parse(url)?.href;
    return address !== undefined && redact(url) === url ? [[limitName(redact(name.toWellFormed())), address]] : [];
  });
  return Object.fromEntries(safe.slice(0, MAX_LINKS));
}
