/** The two bodies with routes of their own: the PagerDuty Events API v2, and our form for scripts. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MappingError } from '../../src/ingest/alert.ts';
import { rowOfAlert } from '../../src/ingest/row.ts';
import type { ChoosePair } from '../../src/ingest/source.ts';
import { mapEventV2, readEventV2, routingKeyOf } from '../../src/ingest/sources/events-v2.ts';
import { mapWakes } from '../../src/ingest/sources/wakes.ts';
import type { Json, JsonObject } from '../../src/wake/json.ts';
import { redact } from '../../src/wake/redact.ts';
import { readWake } from '../../src/wake/wake.ts';
import { eventV2, SECRET } from './bodies.ts';

const asIs: ChoosePair = (_alert, defaults) => defaults;
const read = (body: Json) => readEventV2(body, 'new-key', asIs);

function alertOf(body: Json) {
  const event = read(body);
  return event.kind === 'valid' ? event.mapped.alerts[0] : undefined;
}

function errorsOf(body: Json): string[] {
  const event = read(body);
  return event.kind === 'invalid' ? event.errors : [];
}

const payload = (fields: JsonObject) => {
  const { payload: usual } = eventV2('trigger');
  return eventV2('trigger', { payload: { ...(usual as JsonObject), ...fields } });
};

describe('an event of the Events API v2', () => {
  test('that triggers is a firing alert with its dedup key as the instance', () => {
    expect(read(eventV2('trigger'))).toMatchObject({ kind: 'valid', dedupKey: 'disk-db-1' });
    expect(alertOf(eventV2('trigger'))).toEqual({
      status: 'firing',
      probe: 'postgres',
      category: 'disk',
      severity: 'critical',
      title: '[FIRING:2] Disk is full',
      detail: '',
      instance: 'disk-db-1',
      links: {
        Runbook: 'https://runbooks.example.com/disk',
        client: 'https://monitor.example.com/alerts/1',
      },
      startedAt: '2026-09-01T10:00:00Z',
      facts: {
        source: 'db-1.example.com',
        component: 'postgres',
        group: 'prod',
        class: 'disk',
        client: 'Example monitor',
        custom_details: { used_percent: 97 },
      },
    });
  });

  test('that resolves is a recovery of the dedup key, with or without a payload', () => {
    for (const body of [eventV2('resolve'), eventV2('resolve', { payload: null })]) {
      expect(alertOf(body)).toMatchObject({ status: 'recovered', probe: '', category: '', instance: 'disk-db-1' });
    }
  });

  test('that acknowledges is ignored', () => {
    expect(read(eventV2('acknowledge'))).toEqual({
      kind: 'valid',
      mapped: { alerts: [], ignored: 1 },
      dedupKey: 'disk-db-1',
    });
  });

  test('without a dedup key gets the new one, whatever its summary is', () => {
    for (const key of [null, '', undefined]) {
      const body = JSON.parse(JSON.stringify(eventV2('trigger', { ...(key !== undefined && { dedup_key: key }) })));
      if (key === undefined) delete body.dedup_key;
      expect(read(body)).toMatchObject({ dedupKey: 'new-key', mapped: { alerts: [{ instance: 'new-key' }] } });
    }
  });

  test.each<[JsonObject, string, string]>([
    [{ component: null, class: null }, 'db-1.example.com', 'Disk is full'],
    [{ component: 'Grafana', class: 'default' }, 'Grafana', 'Disk is full'],
    [{ component: '', class: '', summary: '[FIRING:1]' }, 'db-1.example.com', '[FIRING:1]'],
  ])('with %j has the pair %s / %s', (fields, probe, category) => {
    expect(alertOf(payload(fields))).toMatchObject({ probe, category });
  });

  test.each<[Json, string[]]>([
    [null, ['Event object is not a JSON object']],
    [[], ['Event object is not a JSON object']],
    [{}, ["'event_action' is missing or blank"]],
    [
      { event_action: 'open' },
      ["'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge', 'resolve')"],
    ],
    [{ event_action: 'resolve' }, ["'dedup_key' is missing or blank"]],
    [{ event_action: 'acknowledge', dedup_key: ' ' }, ["'dedup_key' is missing or blank"]],
    [{ event_action: 'trigger' }, ["'payload' is missing or blank"]],
    [
      { event_action: 'trigger', payload: { source: {} } },
      [
        "'payload.summary' is missing or blank",
        "'payload.source' is missing or blank",
        "'payload.severity' is missing or blank",
      ],
    ],
    [
      payload({ severity: 'high' }),
      ["'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error', 'info')"],
    ],
    [payload({ summary: 'ü'.repeat(1_025) }), ["'payload.summary' is too long (maximum is 1024 characters)"]],
    [eventV2('resolve', { dedup_key: 'k'.repeat(256) }), ["'dedup_key' is too long (maximum is 255 characters)"]],
  ])('is invalid: %j', (body, errors) => {
    expect(errorsOf(body)).toEqual(errors);
  });

  test('may have a summary of 1,024 characters of any kind', () => {
    expect(errorsOf(payload({ summary: '🚨'.repeat(1_024) }))).toEqual([]);
  });

  test('never shows its routing key to a row or to the paths of an operator', () => {
    const event = readEventV2(eventV2('trigger'), 'new-key', (alert, defaults) => {
      expect(JSON.stringify(alert)).not.toContain('routing_key');
      return defaults;
    });
    expect(JSON.stringify(event)).not.toContain(SECRET);
    expect(routingKeyOf(eventV2('trigger'))).toBe(SECRET);
    expect([null, {}, { routing_key: ['a'] }, []].map(routingKeyOf)).toEqual(['', '', '', '']);
  });

  test('names the first wrong field as a MappingError for callers without the answer of PagerDuty', () => {
    expect(() => mapEventV2({ event_action: 'resolve' }, 'new-key', asIs)).toThrow(
      new MappingError('dedup_key', 'is missing or blank'),
    );
    expect(() => mapEventV2(payload({ severity: 'high' }), 'new-key', asIs)).toThrow(
      expect.objectContaining({ field: 'payload.severity' }),
    );
    expect(() => mapEventV2([], 'new-key', asIs)).toThrow(expect.objectContaining({ field: 'body' }));
    expect(mapEventV2(eventV2('trigger'), 'new-key', asIs).alerts).toHaveLength(1);
  });
});

describe('a wake of a script', () => {
  const map = (body: Json) => mapWakes({ body, headers: {} });

  test('reads as the details of a row', () => {
    const details = {
      probe: 'fly',
      category: 'service_unhealthy',
      severity: 'critical',
      title: 'Fly app unreachable',
      detail: 'HTTP 502',
      instance: 'fra',
      links: { runbook: 'https://runbooks.example.com/fly' },
      snapshot_details: { status: 502 },
      envelope_enabled: true,
      envelope_fix_name: 'restart_machine',
    };
    const [alert] = map(details).alerts;
    expect(alert && rowOfAlert(alert, 'wakes', 0, redact).details).toEqual({ ...details, received_from: 'wakes' });
    expect(readWake(alert ? rowOfAlert(alert, 'wakes', 0, redact) : null, 'w-1', 0)).toMatchObject({
      envelopeEnabled: true,
      envelopeFixName: 'restart_machine',
    });
  });

  test('gets the defaults of the audit log for missing and empty fields; numbers and booleans become text', () => {
    expect(map({ probe: 7, category: '', title: null }).alerts).toMatchObject([
      {
        status: 'firing',
        probe: '7',
        category: 'unknown',
        severity: 'warning',
        title: '(no title)',
        detail: '(no detail)',
      },
    ]);
  });

  test('may come in a list, with recoveries', () => {
    const { alerts, ignored } = map([
      { probe: 'fly', category: 'down' },
      { probe: 'fly', category: 'down', recovered: true },
      { instance: 'fra', recovered: true },
    ]);
    expect(alerts.map(({ status, probe, category }) => [status, probe, category])).toEqual([
      ['firing', 'fly', 'down'],
      ['recovered', 'fly', 'down'],
      ['recovered', '', ''],
    ]);
    expect(ignored).toBe(0);
    expect(map([])).toEqual({ alerts: [], ignored: 0 });
  });

  test.each<[Json, string]>([
    [null, 'body'],
    ['text', 'body'],
    [{}, 'probe'],
    [{ severity: 'critical' }, 'probe'],
    [{ recovered: true, title: 'over' }, 'probe'],
    [{ probe: { name: 'fly' } }, 'probe'],
    [{ probe: 'fly', title: ['a'] }, 'title'],
    [{ probe: 'fly', recovered: 'true' }, 'recovered'],
    [{ probe: 'fly', envelope_enabled: 1 }, 'envelope_enabled'],
    [{ probe: 'fly', snapshot_details: 'HTTP 502' }, 'snapshot_details'],
    [{ probe: 'fly', links: ['https://example.com'] }, 'links'],
    [{ probe: 'fly', links: { runbook: 1 } }, 'links.runbook'],
    [[{ probe: 'fly' }, 7], '1'],
    [[{ probe: 'fly' }, { probe: 'fly', instance: {} }], '1.instance'],
  ])('is rejected: %j names %s', (body, field) => {
    expect(() => map(body)).toThrow(expect.objectContaining({ name: 'MappingError', field }));
  });

  test('has its secrets redacted in the row', () => {
    const token = 'xoxb-1234567890-abcdefghij';
    const [alert] = map({
      probe: 'fly',
      title: token,
      snapshot_details: { token },
      links: { a: `https://a.example/${token}` },
    }).alerts;
    expect(JSON.stringify(alert && rowOfAlert(alert, 'wakes', 0, redact))).not.toContain(token);
  });
});

function errorOf(run: () => void): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

test('hostile bodies of both forms become rows, or a plain error', () => {
  let deep: Json = 'x';
  for (let i = 0; i < 10_000; i++) deep = { a: deep };
  const value = fc.oneof(
    fc.constant(deep),
    fc.jsonValue().map((each): Json => JSON.parse(JSON.stringify(each))),
  );
  const keys = ['probe', 'category', 'title', 'snapshot_details', 'links', 'recovered', 'payload', 'links', 'client'];
  const body = fc.dictionary(fc.constantFrom(...keys), value);
  fc.assert(
    fc.property(body, value, (fields, details) => {
      const wakes = [() => mapWakes({ body: fields, headers: {} }), () => mapWakes({ body: [fields], headers: {} })];
      const events = [() => mapEventV2(payload({ custom_details: details, component: details }), 'new', asIs)];
      for (const mapBody of [...wakes, ...events]) {
        const error = errorOf(() => {
          for (const alert of mapBody().alerts) JSON.stringify(rowOfAlert(alert, 'wakes', 0, redact));
        });
        expect(error === undefined || error instanceof MappingError).toBe(true);
      }
    }),
    { interruptAfterTimeLimit: 4_000 },
  );
});
