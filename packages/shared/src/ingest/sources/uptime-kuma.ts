/** Uptime Kuma, notification type "Webhook" with the preset body "application/json". */
import { objectAt, objectBody, pick, present, requiredText, textAt } from '../fields.ts';
import { IGNORED, type MapSource, one, startedAt } from '../source.ts';
import { readState } from '../state.ts';

/** 2 is pending, 3 is maintenance. */
const STATES = ['down', 'up', 'pending', 'maintenance'];

export const uptimeKuma: MapSource = ({ body }, choosePair) => {
  const top = objectBody(body);
  // Test notices and warnings about certificates are about no monitor.
  if (top.heartbeat === null && top.monitor === null) return IGNORED;
  const heartbeat = objectAt(top, 'heartbeat');
  const monitor = objectAt(top, 'monitor');
  const code = requiredText(top, '', 'heartbeat.status');
  const state = readState(STATES[Number(code)] ?? code, 'heartbeat.status', { firing: ['down'], recovered: ['up'] });
  if (state === 'neither') return IGNORED;
  const instance = requiredText(top, '', 'monitor.id', 'heartbeat.monitorID');
  const name = textAt(monitor, 'pathName', 'name') || `monitor ${instance}`;
  return one({
    status: state,
    ...choosePair(top, { probe: name, category: 'down', severity: 'warning' }),
    title: `${name} is ${state === 'firing' ? 'down' : 'up'}`,
    detail: textAt(heartbeat, 'msg'),
    instance,
    links: present({ monitored: textAt(monitor, 'url') }),
    ...startedAt(inUtc(textAt(heartbeat, 'time'))),
    facts: pick(monitor, { type: 'type', hostname: 'hostname', port: 'port', description: 'description' }),
  });
};

/** Kuma writes the time in UTC and without a zone, next to fields of the server's own zone. */
function inUtc(time: string): string {
  return /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})?$/.test(time) ? `${time.replace(' ', 'T')}Z` : time;
}
