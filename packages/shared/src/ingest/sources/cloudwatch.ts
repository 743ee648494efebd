/** CloudWatch alarms, through SNS. The signature of the SNS envelope is checked elsewhere. */
import { isJsonObject, type Json, type JsonObject, parsedJson } from '../../wake/json.ts';
import { MappingError } from '../alert.ts';
import { fieldAt, objectBody, pick, requiredText, textAt } from '../fields.ts';
import { IGNORED, type MapSource, one, startedAt } from '../source.ts';
import { readState } from '../state.ts';

/** Takes an SNS envelope, or the alarm alone, as SNS sends it with raw message delivery. */
export const cloudwatch: MapSource = ({ body }, choosePair) => {
  const top = objectBody(body);
  const isEnvelope = typeof top.Type === 'string';
  if (isEnvelope && top.Type !== 'Notification') return IGNORED;
  const alarm = isEnvelope ? alarmIn(top) : top;
  const at = isEnvelope ? 'Message.' : '';
  const name = requiredText(alarm, at, 'AlarmName');
  const state = readState(requiredText(alarm, at, 'NewStateValue'), `${at}NewStateValue`, {
    firing: ['alarm'],
    recovered: ['ok'],
  });
  if (state === 'neither') return IGNORED;
  const description = textAt(alarm, 'AlarmDescription');
  const reason = textAt(alarm, 'NewStateReason');
  const eventId = isEnvelope ? textAt(top, 'MessageId') : '';
  return one({
    status: state,
    ...choosePair(alarm, {
      probe: textAt(alarm, 'Trigger.Namespace') || 'cloudwatch',
      category: name,
      severity: 'warning',
    }),
    title: name,
    detail: [description, reason].filter((text) => text !== '').join('\n\n'),
    instance: textAt(alarm, 'AlarmArn') || `${textAt(alarm, 'AWSAccountId')}/${textAt(alarm, 'Region')}/${name}`,
    links: {},
    ...startedAt(textAt(alarm, 'StateChangeTime')),
    facts: {
      ...pick(alarm, {
        region: 'Region',
        metric: 'Trigger.MetricName',
        namespace: 'Trigger.Namespace',
        statistic: 'Trigger.Statistic',
        comparison: 'Trigger.ComparisonOperator',
        threshold: 'Trigger.Threshold',
        period_seconds: 'Trigger.Period',
        previous_state: 'OldStateValue',
      }),
      ...dimensionsOf(alarm),
    },
    ...(eventId !== '' && { eventId }),
  });
};

/** The alarm in an SNS notification, which is JSON in a text. @throws MappingError */
function alarmIn(envelope: JsonObject): JsonObject {
  const alarm = parsedJson(requiredText(envelope, '', 'Message'));
  if (isJsonObject(alarm)) return alarm;
  throw new MappingError('Message', 'is not the JSON object of an alarm');
}

/** `[{name, value}]` as an object, such as `{InstanceId: …}`. */
function dimensionsOf(alarm: JsonObject): JsonObject {
  const list = fieldAt(alarm, 'Trigger.Dimensions');
  if (!Array.isArray(list)) return {};
  const pairs = list.map((each): [string, Json] => [textAt(each, 'name', 'Name'), textAt(each, 'value', 'Value')]);
  const dimensions = Object.fromEntries(pairs.filter(([name]) => name !== ''));
  return Object.keys(dimensions).length > 0 ? { dimensions } : {};
}
