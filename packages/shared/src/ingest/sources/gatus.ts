/** Gatus, alerting provider `custom` with the body that docs/sources.md recommends. */
import { objectBody, pick, present, requiredText, textAt } from '../fields.ts';
import { IGNORED, type MapSource, one } from '../source.ts';
import { readState } from '../state.ts';

const WORDS = { firing: ['triggered'], recovered: ['resolved'] };

export const gatus: MapSource = ({ body }, choosePair) => {
  const endpoint = objectBody(body);
  const state = readState(requiredText(endpoint, '', 'status'), 'status', WORDS);
  if (state === 'neither') return IGNORED;
  const name = [textAt(endpoint, 'group'), requiredText(endpoint, '', 'name')].filter((part) => part !== '').join('/');
  const description = textAt(endpoint, 'description');
  return one({
    status: state,
    ...choosePair(endpoint, { probe: name, category: 'down', severity: 'warning' }),
    title: description || `${name} is ${state === 'firing' ? 'down' : 'up'}`,
    detail: textAt(endpoint, 'errors'),
    instance: name,
    links: present({ monitored: textAt(endpoint, 'url') }),
    facts: pick(endpoint, { group: 'group', conditions: 'conditions' }),
  });
};
