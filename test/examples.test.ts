/** The examples for alerting tools are valid, and lead to routes that accept the bodies of these tools. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mappings } from '@kora-wake/shared/ingest/sources';
import { NO_POLICY, parsePolicy } from '@kora-wake/shared/policy/policy';
import { parsedJson } from '@kora-wake/shared/wake/json';
import { describe, expect } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { test } from './support/fixtures.ts';
import { program } from './support/programs.ts';
import { webhook } from './support/webhooks.ts';

const examples = join(import.meta.dirname, '..', 'examples');
const read = (name: string) => readFileSync(join(examples, name), 'utf8');
const sources = mappings(NO_POLICY);

/** The sources that the addresses in a text name. */
const sourcesIn = (text: string) => [...text.matchAll(/\/v1\/ingest\/([\w-]+)/g)].map(([, source]) => source);

test.for([
  ['alertmanager/alertmanager.yml', 'alertmanager'],
  ['grafana/contact-points.yml', 'grafana'],
  ['README.md', 'uptime-kuma'],
  ['cloudwatch/subscribe.sh', 'cloudwatch'],
  ['cloudwatch/main.tf', 'cloudwatch'],
] as const)('%s sends to the source %s', ([name, source]) => {
  expect(sourcesIn(read(name))).toEqual([source]);
  expect([...sources.keys()]).toContain(source);
});

test.for(['alertmanager', 'grafana', 'uptime-kuma'] as const)('a body of %s is mapped to an alert', (source) => {
  const { body } = webhook(source, { id: 7, name: 'latency' }, '');
  const mapped = sources.get(source)?.({ body: parsedJson(body) ?? null, headers: {} });
  expect(mapped).toMatchObject({ alerts: [{ status: 'firing', instance: '7' }], ignored: 0 });
});

test('Alertmanager accepts its example', () => {
  execFileSync(program('amtool'), ['check-config', join(examples, 'alertmanager/alertmanager.yml')], { stdio: 'pipe' });
});

test('the example of Grafana defines the contact point that its policy uses', () => {
  const settings = z.object({
    url: z.url(),
    httpMethod: z.literal('POST'),
    authorization_scheme: z.literal('Bearer'),
    authorization_credentials: z.literal('$KORA_INGEST_TOKEN'),
  });
  const receiver = z.object({ type: z.literal('webhook'), disableResolveMessage: z.literal(false), settings });
  const file = z.object({
    apiVersion: z.literal(1),
    contactPoints: z.tuple([z.object({ name: z.string(), receivers: z.tuple([receiver]) })]),
    policies: z.tuple([z.object({ receiver: z.string() })]),
  });
  const { contactPoints, policies } = file.parse(parse(read('grafana/contact-points.yml')));
  expect(policies[0].receiver).toBe(contactPoints[0].name);
});

test('the headers of Uptime Kuma are JSON', () => {
  const headers = /`(\{"Authorization".*?\})`/.exec(read('README.md'))?.[1] ?? '';
  expect(JSON.parse(headers)).toEqual({ Authorization: 'Bearer VALUE_OF_KORA_INGEST_TOKEN' });
});

describe('cloudwatch/subscribe.sh', () => {
  test('subscribes the API to the topic', ({ folder }) => {
    const calls = join(folder, 'calls');
    const topic = 'arn:aws:sns:eu-central-1:123456789012:kora-wake';
    writeFileSync(join(folder, 'aws'), `#!/bin/sh\necho "$*" >>${calls}\necho ${topic}\n`, { mode: 0o755 });
    const out = execFileSync(
      'sh',
      [join(examples, 'cloudwatch/subscribe.sh'), 'https://kora.example.com', 'shop-5xx'],
      {
        env: { PATH: `${folder}:${process.env.PATH}` },
        encoding: 'utf8',
      },
    );
    expect(readFileSync(calls, 'utf8').trimEnd().split('\n')).toEqual([
      'sns create-topic --name kora-wake --query TopicArn --output text',
      `sns set-topic-attributes --topic-arn ${topic} --attribute-name SignatureVersion --attribute-value 2`,
      `sns subscribe --topic-arn ${topic} --protocol https --notification-endpoint https://kora.example.com/v1/ingest/cloudwatch`,
    ]);
    expect(out).toContain(`Add to the alarm shop-5xx: --alarm-actions ${topic} --ok-actions ${topic}`);
  });

  test('says what is missing', () => {
    const run = () => execFileSync('sh', [join(examples, 'cloudwatch/subscribe.sh')], { stdio: 'pipe' });
    expect(run).toThrow('the address of the API');
  });
});

test('the policy has no faults and no warnings', () => {
  expect(parsePolicy(read('policy.yaml'))).toMatchObject({ policy: { rules: { length: 3 } }, warnings: [] });
});

test('README.md shows what the backtest of the example prints', () => {
  const readme = readFileSync(join(examples, '..', 'README.md'), 'utf8');
  const [, args = '', shown = ''] = /npm run backtest -- (.*)\n```\n\n```text\n([^`]*)```/.exec(readme) ?? [];
  const cli = join(examples, '..', 'apps/cli/dist/main.js');
  const printed = execFileSync(process.execPath, [cli, 'backtest', ...args.split(' ')], {
    cwd: join(examples, '..'),
    encoding: 'utf8',
    env: { HOME: '/nonexistent' },
  });
  expect(shown.length).toBeGreaterThan(100);
  expect(printed).toContain(shown);
});
