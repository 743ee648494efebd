/** Healthchecks.io, a webhook with the body that docs/sources.md recommends, or with `$JSON`. */
import { createHash } from 'node:crypto';
import { objectBody, pick, requiredText, textAt } from '../fields.ts';
import { IGNORED, type MapSource, one } from '../source.ts';
import { readState } from '../state.ts';

export const healthchecks: MapSource = ({ body }, choosePair) => {
  const check = objectBody(body);
  const state = readState(requiredText(check, '', 'status'), 'status', { firing: ['down'], recovered: ['up'] });
  if (state === 'neither') return IGNORED;
  const code = textAt(check, 'code', 'uuid', 'unique_key');
  const name = textAt(check, 'name', 'slug') || 'healthchecks';
  return one({
    status: state,
    ...choosePair(check, { probe: name, category: 'down', severity: 'warning' }),
    title: `${name} is ${state === 'firing' ? 'down' : 'up'}`,
    detail: textAt(check, 'desc'),
    ...(code !== '' && { instance: keyOf(code) }),
    links: {},
    facts: pick(check, { tags: 'tags', last_ping: 'last_ping', grace: 'grace', timeout: 'timeout' }),
  });
};

/** A hash, because who knows the code of a check can send its pings. */
function keyOf(code: string): string {
  return createHash('sha256').update(code).digest('hex').slice(0, 16);
}
