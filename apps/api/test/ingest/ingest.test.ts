/** Alerts of other tools: access, rows, retries, faults. The mappings of the bodies have tests of their own. */
import { createHmac } from 'node:crypto';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MapBody } from '@kora-wake/shared/ingest/alert';
import { MappingError } from '@kora-wake/shared/ingest/alert';
import { isJsonObject } from '@kora-wake/shared/wake/json';
import { describe, expect, vi } from 'vitest';
import { type Namespace, rowsOf, test } from '../../../../test/support/fixtures.ts';
import { ingestionTo, markFollowed, setupOf } from '../../../../test/support/ingestion.ts';
import type { ApiOptions } from '../../src/app.ts';
import type { IngestAccess } from '../../src/ingest/access.ts';
import { signings } from '../../src/ingest/signatures.ts';
import type { Mappings } from '../../src/routes/ingest.ts';
import { api, bearer, TOKEN } from '../api.ts';

const INGEST_TOKEN = 'token-of-alerting-tools';

/** Maps `{alerts: [{…}]}` as it is. */
const plain: MapBody = ({ body }) => {
  if (!isJsonObject(body) || !Array.isArray(body.alerts)) throw new MappingError('alerts', 'is missing');
  const alerts = body.alerts.map((alert) => ({
    status: 'firing' as const,
    probe: 'web',
    category: 'down',
    severity: 'warning' as const,
    title: 'down',
    detail: '',
    links: {},
    facts: {},
    ...(isJsonObject(alert) ? alert : {}),
  }));
  return { alerts, ignored: 0 };
};

/** The rows of the log; none if it does not exist. */
const written = (path: string) => (existsSync(path) ? rowsOf(path) : []);

const mappingsOf = (source: string): Mappings => ({
  sources: new Map([[source, plain]]),
  chooseForEvents: (_event, defaults) => defaults,
});

async function ingesting(
  ns: Namespace,
  path: string,
  {
    access,
    isFollowed = true,
    token,
    ...more
  }: Omit<Partial<ApiOptions['ingestion']>, 'access'> & {
    access?: Partial<IngestAccess>;
    isFollowed?: boolean;
    token?: string;
  } = {},
) {
  if (isFollowed) await markFollowed(ns, path);
  const ingestion = ingestionTo(path, {
    mappings: () => mappingsOf('plain'),
    access: { signings: new Map(), isLocal: true, apiTokens: token === undefined ? {} : { token }, ...access },
    ...more,
  });
  const setup = setupOf(path);
  const { app, log } = await api(ns, token, undefined, { ingestion, setup });
  const post = (url: string, payload: unknown, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url,
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
      headers: { 'content-type': 'application/json', host: 'localhost', ...headers },
    });
  const status = async () => (await app.inject({ url: '/v1/status', headers: bearer(token ?? '') })).json();
  return { app, log, post, status };
}

describe('an alert', () => {
  test('is a durable row of the audit log before the answer', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    const answer = await post('/v1/wakes', {
      probe: 'backup',
      category: 'failed',
      severity: 'critical',
      title: 'Backup failed',
      detail: 'exit code 2',
      instance: 'db-1',
      links: { runbook: 'https://wiki.example.com/backup', bad: 'javascript:alert(1)' },
      snapshot_details: { code: 2 },
    });
    expect([answer.statusCode, answer.json()]).toEqual([202, { accepted: 1, recovered: 0, ignored: 0 }]);
    expect(written(logPath)).toMatchObject([
      {
        seam: 'probe.wake_requested',
        caller_session_id: null,
        source: null,
        details: {
          probe: 'backup',
          category: 'failed',
          severity: 'critical',
          title: 'Backup failed',
          detail: 'exit code 2',
          instance: 'db-1',
          links: { runbook: 'https://wiki.example.com/backup' },
          snapshot_details: { code: 2 },
          received_from: 'wakes',
        },
      },
    ]);
    expect(written(logPath)[0]?.details.links).not.toHaveProperty('bad');
  });

  test('and its recovery are rows in their order', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    const pair = { probe: 'backup', category: 'failed' };
    const answer = await post('/v1/wakes', [pair, { ...pair, recovered: true }]);
    expect(answer.json()).toEqual({ accepted: 1, recovered: 1, ignored: 0 });
    expect(written(logPath).map(({ seam }) => seam)).toEqual(['probe.wake_requested', 'probe.recovered']);
  });

  test('holds no secret', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    const secret = 'ghp_0123456789abcdefghijABCDEFGHIJ012345';
    const texts = {
      probe: 'a',
      category: 'b',
      title: secret,
      detail: `token ${secret}`,
      links: { a: `https://x.example/${secret}` },
    };
    await post('/v1/wakes', { ...texts, snapshot_details: { token: secret, list: [secret] } });
    expect(written(logPath)).toHaveLength(1);
    expect(readFileSync(logPath, 'utf8')).not.toContain(secret.slice(4));
  });

  test('begins a line of its own after a torn row', async ({ ns, logPath }) => {
    writeFileSync(logPath, '{"emitted_at": "2026-');
    const { post } = await ingesting(ns, logPath);
    expect((await post('/v1/wakes', { probe: 'a', category: 'b' })).statusCode).toBe(202);
    expect(readFileSync(logPath, 'utf8').split('\n')[1]).toContain('"probe":"a"');
  });
});

describe('a retry', () => {
  test('is not confused with an event whose large number differs in its last digit', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    const send = (id: string) => post('/v1/ingest/plain', `{"alerts": [{"instance": ${id}}]}`);
    for (const id of ['9007199254740992', '9007199254740993']) expect((await send(id)).json().accepted).toBe(1);
    expect(written(logPath).map(({ details }) => details.instance)).toEqual(['9007199254740992', '9007199254740993']);
  });

  const alert = { startedAt: '2026-11-26T10:00:00Z', instance: 'i' };
  test.for([
    ['with the same event id', { eventId: 'e' }, { eventId: 'e', startedAt: 'later' }],
    ['with the same start', alert, alert],
  ] as const)('%s is no second row', async ([, first, second], { ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    await post('/v1/ingest/plain', { alerts: [first] });
    const again = await post('/v1/ingest/plain', { alerts: [second, second] });
    expect([again.statusCode, again.json()]).toEqual([202, { accepted: 0, recovered: 0, ignored: 2 }]);
    expect(written(logPath)).toHaveLength(1);
  });

  test.for([
    ['another event', { eventId: 'e' }, { eventId: 'f' }],
    ['another start', alert, { ...alert, startedAt: '2026-11-26T10:00:01Z' }],
    ['another instance', alert, { ...alert, instance: 'j' }],
    ['another category', alert, { ...alert, category: 'other' }],
  ] as const)('is not %s', async ([, first, second], { ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    const answer = await post('/v1/ingest/plain', { alerts: [first, second] });
    expect(answer.json()).toMatchObject({ accepted: 2, ignored: 0 });
    expect(written(logPath)).toHaveLength(2);
  });

  test('is not an alert that fires again after its recovery', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    for (const status of ['firing', 'recovered', 'firing', 'firing', 'recovered', 'recovered']) {
      await post('/v1/ingest/plain', { alerts: [{ status, instance: 'i' }] });
    }
    expect(written(logPath).map(({ seam }) => seam.slice(6))).toEqual([
      'wake_requested',
      'recovered',
      'wake_requested',
      'recovered',
    ]);
  });

  test('is not an alert without instance and start that fires again after its recovery', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    for (const recovered of [false, true, false, false])
      await post('/v1/wakes', { probe: 'a', category: 'b', recovered });
    expect(written(logPath).map(({ seam }) => seam.slice(6))).toEqual([
      'wake_requested',
      'recovered',
      'wake_requested',
    ]);
  });

  test.for([{ instance: 'i' }, alert, { title: 'down' }])(
    'is not %j when it rises to critical',
    async (facts, { ns, logPath }) => {
      const { post } = await ingesting(ns, logPath);
      const send = (more: object) => post('/v1/ingest/plain', { alerts: [{ ...facts, ...more }] });
      for (const severity of ['warning', 'critical', 'critical', 'warning']) await send({ severity });
      await send({ status: 'recovered' });
      await send({ severity: 'critical' });
      const rows = written(logPath).map(({ details }) => details.severity);
      expect(rows).toEqual(['warning', 'critical', 'warning', undefined, 'critical']);
    },
  );

  test.for([{ instance: 'i' }, { title: 'down' }])(
    '%j in a body keeps the last state',
    async (facts, { ns, logPath }) => {
      const { post } = await ingesting(ns, logPath);
      const send = (...states: string[]) =>
        post('/v1/ingest/plain', { alerts: states.map((status) => Object.assign({ status }, facts)) });
      await send('firing');
      await send('firing', 'recovered', 'firing');
      await send('recovered');
      await send('firing', 'recovered');
      const rows = written(logPath).map(({ seam }) => (seam === 'probe.recovered' ? 'over' : 'firing'));
      expect(rows).toEqual(['firing', 'over', 'firing', 'over', 'firing', 'over']);
    },
  );

  test('is no event after a recovery that has only the instance', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    for (const isFiring of [true, true, false, false, true, false, true]) {
      const payload = { summary: 'disk', source: 'db', severity: 'critical' };
      const event = isFiring ? { event_action: 'trigger', payload } : { event_action: 'resolve' };
      await post('/v2/enqueue', { ...event, dedup_key: 'k' });
    }
    const rows = written(logPath).map(({ seam }) => (seam === 'probe.recovered' ? 'over' : 'firing'));
    expect(rows).toEqual(['firing', 'over', 'firing', 'over', 'firing']);
  });

  test('at the same time is one row', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    const answers = await Promise.all(Array.from({ length: 10 }, () => post('/v1/ingest/plain', { alerts: [alert] })));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(10).fill(202));
    expect(answers.reduce((sum, answer) => sum + answer.json().accepted, 0)).toBe(1);
    expect(written(logPath)).toHaveLength(1);
  });
});

describe('the log', () => {
  test.for(['/dev/full', '/nonexistent/folder/log.jsonl'])(
    '%s answers 503 with Retry-After, and a retry is accepted',
    async (path, { ns, logPath }) => {
      const { post, status } = await ingesting(ns, path);
      const answer = await post('/v1/ingest/plain', { alerts: [{ eventId: 'e' }] });
      expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5']);
      expect(answer.json().message).toContain(`cannot be written to ${path} now`);
      await expect
        .poll(async () => (await status()).ingestion.sources)
        .toMatchObject([{ source: 'plain', unavailable: 1 }]);
      const working = await ingesting(ns, logPath);
      expect((await working.post('/v1/ingest/plain', { alerts: [{ eventId: 'e' }] })).json()).toMatchObject({
        accepted: 1,
      });
    },
  );

  test('that no tailer has followed answers 503, until one has', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath, { isFollowed: false });
    const answer = await post('/v1/wakes', { probe: 'a', category: 'b' });
    expect(answer.statusCode).toBe(503);
    expect(answer.json().message).toMatch(/^No tailer has followed .* yet\./);
    expect(written(logPath)).toEqual([]);
    await markFollowed(ns, logPath);
    await expect
      .poll(async () => (await post('/v1/wakes', { probe: 'a', category: 'b' })).statusCode, { timeout: 10_000 })
      .toBe(202);
  });

  test('is written although Redis does not answer, once a tailer was seen', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    await post('/v1/ingest/plain', { alerts: [{ eventId: '1' }] });
    ns.redis.disconnect();
    const answer = await post('/v1/ingest/plain', { alerts: [{ eventId: '2' }] });
    expect(answer.statusCode).toBe(202);
    expect(written(logPath)).toHaveLength(2);
    await ns.redis.connect();
  });

  test('is written within the second that Sentry waits, although Redis hangs', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    await post('/v1/ingest/plain', { alerts: [{ eventId: '1' }] });
    const hanging = vi.spyOn(ns.redis, 'sendCommand').mockImplementation(() => new Promise(() => {}));
    const answer = post('/v1/ingest/plain', { alerts: [{ eventId: '2' }] });
    // A timer of this process: if the machine is busy, both are late.
    const second = sleep(1_000, { statusCode: 0 });
    const first = await Promise.race([answer, second]);
    hanging.mockRestore();
    expect(first.statusCode).toBe(202);
    expect(written(logPath)).toHaveLength(2);
  });

  test('that was truncated meanwhile gets the next rows', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    await post('/v1/ingest/plain', { alerts: [{ eventId: '1' }] });
    truncateSync(logPath, 0);
    await post('/v1/ingest/plain', { alerts: [{ eventId: '2' }] });
    expect(written(logPath)).toHaveLength(1);
  });
});

describe('access', () => {
  const alerts = { probe: 'a', category: 'b' };
  test('is open to this machine only, if the API listens on loopback and there is no token', async ({
    ns,
    logPath,
  }) => {
    const { post } = await ingesting(ns, logPath);
    expect((await post('/v1/wakes', alerts)).statusCode).toBe(202);
    for (const headers of [
      { 'x-forwarded-for': '10.0.0.1' },
      { host: 'evil.example' },
      { origin: 'https://evil.example' },
    ]) {
      const answer = await post('/v1/wakes', alerts, headers);
      expect(answer.statusCode).toBe(403);
      expect(answer.json().message).toContain('set KORA_INGEST_TOKEN');
    }
  });

  test('is closed without a token on another address, and the answer says how to open it', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath, { access: { isLocal: false }, token: TOKEN });
    const answer = await post('/v1/wakes', alerts);
    expect([answer.statusCode, answer.json().message]).toEqual([403, expect.stringContaining('set KORA_INGEST_TOKEN')]);
    expect((await post('/v1/wakes', alerts, bearer(TOKEN))).statusCode).toBe(202);
  });

  test('needs the token, which opens nothing else', async ({ ns, logPath }) => {
    const { app, post, status } = await ingesting(ns, logPath, {
      access: { token: INGEST_TOKEN, isLocal: false },
      token: TOKEN,
    });
    const basic = { authorization: `Basic ${Buffer.from(`any:${INGEST_TOKEN}`).toString('base64')}` };
    for (const headers of [{}, bearer('wrong'), { authorization: 'Bearer' }]) {
      expect((await post('/v1/wakes', alerts, headers)).statusCode).toBe(401);
    }
    for (const headers of [bearer(INGEST_TOKEN), basic, bearer(TOKEN)]) {
      expect((await post('/v1/wakes', alerts, headers)).statusCode).toBe(202);
    }
    for (const url of ['/v1/account', '/metrics', '/v1/status']) {
      expect((await app.inject({ url, headers: bearer(INGEST_TOKEN) })).statusCode).toBe(401);
    }
    await expect.poll(async () => (await status()).ingestion.sources).toMatchObject([{ source: 'wakes', refused: 3 }]);
  });

  test('to an unknown source is refused before it is named', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath, { access: { token: INGEST_TOKEN } });
    expect((await post('/v1/ingest/nothing', {})).statusCode).toBe(401);
    const answer = await post('/v1/ingest/nothing', {}, bearer(INGEST_TOKEN));
    expect([answer.statusCode, answer.json().message]).toEqual([
      404,
      'There is no source "nothing". The sources are plain.',
    ]);
  });

  const hmac = (text: string) => createHmac('sha256', 'the-secret').update(text).digest('hex');
  const body = JSON.stringify({ alerts: [{ title: 'é' }] });
  test.for([
    ['sentry', { 'sentry-hook-signature': hmac(body) }],
    ['pagerduty', { 'x-pagerduty-signature': `v1=${'0'.repeat(64)}, v1=${hmac(body)}` }],
    ['grafana', { 'x-grafana-alerting-signature': hmac(body) }],
    ['grafana', { 'x-grafana-alerting-signature': hmac(`12:${body}`), 'x-grafana-alerting-timestamp': '12' }],
  ] as const)(
    'of %s with a secret needs a signature over the raw bytes, and no token',
    async ([source, headers], { ns, logPath }) => {
      const secrets = { sentrySecret: 'the-secret', pagerdutySecret: 'the-secret', grafanaSecret: 'the-secret' };
      const access = { token: INGEST_TOKEN, signings: signings(secrets), isLocal: false };
      const { post } = await ingesting(ns, logPath, { access, mappings: () => mappingsOf(source) });
      const url = `/v1/ingest/${source}`;
      expect((await post(url, `${body} `, headers)).statusCode).toBe(401);
      const withoutSignature = await post(url, body, bearer(INGEST_TOKEN));
      expect([withoutSignature.statusCode, withoutSignature.json().message]).toEqual([
        401,
        expect.stringContaining('The signature is missing or wrong'),
      ]);
      expect((await post(url, body, headers)).statusCode).toBe(202);
    },
  );
});

test('a body that begins with a byte order mark is read', async ({ ns, logPath }) => {
  const { post } = await ingesting(ns, logPath);
  expect((await post('/v1/ingest/plain', '\uFEFF{"alerts": [{}]}')).json()).toMatchObject({ accepted: 1 });
});

describe('a body that cannot be used', () => {
  test('is a 400 that names the field, is counted, and is kept without secrets', async ({ ns, logPath }) => {
    const { app, post, status } = await ingesting(ns, logPath);
    const secret = 'ghp_0123456789abcdefghijABCDEFGHIJ012345';
    const answer = await post('/v1/ingest/plain', { alert: secret });
    expect([answer.statusCode, answer.json().message]).toEqual([400, 'alerts is missing.']);
    for (const text of ['', '{', '\0', 'null', '[]', '"x"'])
      expect((await post('/v1/ingest/plain', text)).statusCode).toBe(400);
    await expect.poll(async () => (await status()).ingestion.faults.length).toBe(7);
    await expect.poll(async () => (await status()).ingestion.sources).toMatchObject([{ source: 'plain', unmapped: 7 }]);
    const { faults } = (await status()).ingestion;
    expect(faults.at(-1)).toMatchObject({ source: 'plain', field: 'alerts', message: 'alerts is missing' });
    expect(JSON.stringify(faults)).not.toContain(secret.slice(4));
    expect((await app.inject('/metrics')).body).toContain('kora_ingested_total{source="plain",result="unmapped"} 7');
    expect(written(logPath)).toEqual([]);
  });

  test('is kept without secrets and short, also if its key is the fault', async ({ ns, logPath }) => {
    const { post, status } = await ingesting(ns, logPath);
    const secret = 'ghp_0123456789abcdefghijABCDEFGHIJ012345';
    for (const key of [secret, 'k'.repeat(500_000)]) {
      expect((await post('/v1/wakes', { probe: 'a', links: { [key]: 1 } })).statusCode).toBe(400);
    }
    await expect.poll(async () => (await status()).ingestion.faults.length).toBe(2);
    const faults = JSON.stringify((await status()).ingestion.faults);
    expect(faults).not.toContain(secret.slice(4));
    expect(faults.length).toBeLessThan(10_000);
  });

  test('because it is too long or of an unreadable type is counted, and kept only from an allowed sender', async ({
    ns,
    logPath,
  }) => {
    const { post, status } = await ingesting(ns, logPath, { access: { token: INGEST_TOKEN }, token: TOKEN });
    const tooLong = 'x'.repeat(1024 * 1024 + 1);
    const token = bearer(INGEST_TOKEN);
    for (const url of ['/v1/ingest/plain', '/v1/wakes', '/v2/enqueue', '/v1/ingest/none']) {
      expect((await post(url, tooLong, token)).statusCode).toBe(413);
    }
    expect((await post('/v1/wakes', tooLong)).statusCode).toBe(413);
    expect((await post('/v1/wakes', '{}', { ...token, 'content-type': 'none' })).statusCode).toBe(415);
    await expect
      .poll(async () => (await status()).ingestion.sources)
      .toMatchObject([
        { source: 'events-v2', unmapped: 1 },
        { source: 'plain', unmapped: 1 },
        { source: 'wakes', unmapped: 3 },
      ]);
    const { faults } = (await status()).ingestion;
    expect(faults).toHaveLength(4);
    expect(faults.at(-1)).toMatchObject({ source: 'plain', field: 'body', message: 'body has more than 1 MiB' });
  });

  test('of more than 1 MiB is a 413', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath);
    expect((await post('/v1/ingest/plain', `{"alerts":[],"x":"${'x'.repeat(1024 * 1024)}"}`)).statusCode).toBe(413);
    expect((await post('/v1/ingest/plain', `{"alerts":[],"x":"${'x'.repeat(1000 * 1024)}"}`)).statusCode).toBe(202);
  });
});

describe('/v2/enqueue', () => {
  const event = (more: object = {}) => ({
    routing_key: INGEST_TOKEN,
    event_action: 'trigger',
    dedup_key: 'db-1/disk',
    payload: { summary: 'Disk is full', source: 'db-1', severity: 'critical' },
    ...more,
  });

  test('answers as PagerDuty does, and never stores the routing key', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath, { access: { token: INGEST_TOKEN, isLocal: false } });
    const success = { status: 'success', message: 'Event processed', dedup_key: 'db-1/disk' };
    const answer = await post('/v2/enqueue', event());
    expect([answer.statusCode, answer.json()]).toEqual([202, success]);
    for (const action of ['acknowledge', 'resolve']) {
      expect((await post('/v2/enqueue', event({ event_action: action }))).json()).toEqual(success);
    }
    const { dedup_key: made } = (await post('/v2/enqueue', event({ dedup_key: undefined }))).json();
    expect(made).toMatch(/^[0-9a-f-]{36}$/);
    expect(written(logPath).map(({ seam, details }) => [seam, details.instance])).toEqual([
      ['probe.wake_requested', 'db-1/disk'],
      ['probe.recovered', 'db-1/disk'],
      ['probe.wake_requested', made],
    ]);
    expect(readFileSync(logPath, 'utf8')).not.toContain(INGEST_TOKEN);
  });

  test('names every fault of an event', async ({ ns, logPath }) => {
    const { post } = await ingesting(ns, logPath, { access: { token: INGEST_TOKEN } });
    const answer = await post('/v2/enqueue', event({ payload: { severity: 'bad' } }));
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ status: 'invalid event', message: 'Event object is invalid' });
    expect(answer.json().errors).toHaveLength(3);
    const wrong = await post('/v2/enqueue', event({ routing_key: 'wrong' }));
    expect([wrong.statusCode, wrong.json().errors]).toEqual([401, [expect.stringContaining('routing_key')]]);
    expect((await post('/v2/enqueue', '{', bearer(INGEST_TOKEN))).statusCode).toBe(400);
    expect((await post('/v2/enqueue', 'x'.repeat(2 * 1024 * 1024))).json()).toMatchObject({
      errors: [expect.any(String)],
    });
    expect(written(logPath)).toEqual([]);
  });

  test('answers 503 in the same form if the log cannot be written', async ({ ns }) => {
    const { post } = await ingesting(ns, '/dev/full', { access: { token: INGEST_TOKEN } });
    const answer = await post('/v2/enqueue', event());
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5']);
    expect(answer.json()).toMatchObject({ status: 'error', errors: [expect.stringContaining('cannot be written')] });
  });
});
