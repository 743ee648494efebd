/** The investigator in the built worker and in the CLI: real tools, a real MCP server, a double of the Messages API. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSteps } from '@kora-wake/shared/store/steps';
import { expect, onTestFinished } from 'vitest';
import { gateway, noOutputConfig, noTools } from '../../apps/worker/test/investigation/gateways.ts';
import { callsTools, finds } from '../support/anthropic.ts';
import { doubles, environment, startTailerAndWorker } from '../support/doubles.ts';
import { append, eventually, rowsOf, test, wakeRow } from '../support/fixtures.ts';
import { httpDouble } from '../support/http-double.ts';
import { runScript } from '../support/process.ts';

const MCP_SERVER = join(
  import.meta.dirname,
  '../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js',
);
const root = join(import.meta.dirname, '..', '..');

/** The doubles, and a site that answers 401; the model looks at it with two tools and then gives its finding. */
async function doublesAndSite() {
  const { slack, anthropic, env } = await doubles();
  const site = await httpDouble((_request, response) => {
    response.writeHead(401, { 'content-type': 'text/plain' }).end('token expired at midnight');
  });
  onTestFinished(() => site.close());
  const finding = {
    verdict: 'confirmed',
    diagnosis: 'The site answers 401: its token expired at midnight.',
    next_step: 'Renew the token.',
    evidence: [{ source: 'call-1', quote: 'token expired at midnight' }],
  };
  anthropic.next.push(
    callsTools(
      { name: 'http_check', input: { url: site.url } },
      { name: 'notes__read_text_file', input: { path: 'x' } },
    ),
    finds(finding),
  );
  return { slack, anthropic, env, site };
}

test('a worker calls its tools, sends its diagnosis, and writes each call into the audit log', async ({
  ns,
  folder,
  logPath,
}) => {
  const { slack, anthropic, env, site } = await doublesAndSite();
  const notes = { command: process.execPath, args: [MCP_SERVER, '${NOTES}'], allow: ['read_*'] };
  const down = { command: '/nonexistent', allow: ['*'] };
  writeFileSync(join(folder, 'mcp.json'), JSON.stringify({ mcpServers: { notes, down } }));
  const tools = {
    KORA_HTTP_CHECK_ALLOW: new URL(site.url).host,
    KORA_MCP_CONFIG: join(folder, 'mcp.json'),
    NOTES: folder,
  };
  const { worker } = await startTailerAndWorker(environment(ns, logPath, { ...env, ...tools }));
  // An investigation does not wait for an MCP server that is slow to start.
  await worker.until('mcp.connected');
  append(logPath, wakeRow());
  await eventually(() => slack.accepted.length === 1);
  expect(slack.accepted[0]?.text).toBe(
    '⚠️ Probe alert · fly\nThe site answers 401: its token expired at midnight.\nNext step: Renew the token.',
  );
  expect(site.requests).toHaveLength(1);
  const { tools: offered } = JSON.parse(anthropic.requests[0]?.body ?? '');
  expect(offered.map(({ name }: { name: string }) => name)).toEqual(
    expect.arrayContaining([
      'recent_wakes',
      'past_investigations',
      'audit_rows',
      'http_check',
      'notes__read_text_file',
    ]),
  );
  expect(worker.lines).toContainEqual(expect.objectContaining({ missing: ['down'] }));
  const called = await eventually(() => {
    const rows = rowsOf(logPath).filter(({ seam }) => seam === 'reasoning.tool_called');
    return rows.length === 2 && rows;
  });
  expect(called.map(({ details }) => details).toSorted((a, b) => a.tool_name.localeCompare(b.tool_name))).toEqual([
    {
      tool_name: 'http_check',
      triggered_by: 'probe_investigation',
      tool_duration_ms: expect.any(Number),
      tool_status: 'ok',
    },
    {
      tool_name: 'notes__read_text_file',
      triggered_by: 'probe_investigation',
      tool_duration_ms: expect.any(Number),
      tool_status: 'execution_error',
      exc_type: expect.any(String),
    },
  ]);
  expect(called.map((row) => [row.source, row.caller_session_id])).toEqual([
    ['reasoning', 'probe:fly:service_unhealthy'],
    ['reasoning', 'probe:fly:service_unhealthy'],
  ]);
  worker.child.kill('SIGTERM');
  expect(await worker.exited).toBe(0);
});

test('an investigation in the terminal shows each request with fewer features', async ({ ns, logPath }) => {
  const { anthropic } = await doubles();
  anthropic.next.push(...Array.from({ length: 4 }, () => gateway(noOutputConfig, noTools)));
  append(logPath, wakeRow());
  const investigated = runScript('apps/cli/dist/main.js', ['investigate', '--file', logPath], {
    REDIS_URL: ns.redisUrl,
    KORA_QUEUE_PREFIX: ns.prefix,
    KORA_AUDIT_LOG_PATH: logPath,
    ANTHROPIC_API_KEY: 'sk-ant-secret-0123456789',
    ANTHROPIC_BASE_URL: anthropic.url,
  });
  expect([await investigated.exited, investigated.stderr()]).toEqual([0, '']);
  const shown = investigated.lines.map(({ msg }) => msg).filter((line) => line?.startsWith('▸'));
  expect(shown).toEqual([
    expect.stringMatching(
      / out {2}\$[\d.]+ {2}sdk_4xx_400 {2}HTTP 400: output_config: Extra inputs are not permitted$/,
    ),
    expect.stringMatching(
      / {2}without effort, schema {2}sdk_4xx_400 {2}HTTP 400: Function calling is not enabled for .*$/,
    ),
    expect.stringMatching(/ {2}without effort, schema, tools$/),
  ]);
  const sent = anthropic.requests.map(({ body }) => JSON.parse(body));
  expect(sent.map(({ output_config, tools }) => [output_config !== undefined, tools !== undefined])).toEqual([
    [true, true],
    [false, true],
    [false, false],
  ]);
});

test('an investigation in the terminal is shown live and recorded, and replayed without any request', async ({
  ns,
  folder,
  logPath,
}) => {
  const { anthropic, site } = await doublesAndSite();
  append(logPath, 'no row', wakeRow());
  const transcript = join(folder, 'transcript.json');
  const recorded = runScript('apps/cli/dist/main.js', ['investigate', '--file', logPath, '--record', transcript], {
    REDIS_URL: ns.redisUrl,
    KORA_QUEUE_PREFIX: ns.prefix,
    KORA_AUDIT_LOG_PATH: logPath,
    ANTHROPIC_API_KEY: 'sk-ant-secret-0123456789',
    ANTHROPIC_BASE_URL: anthropic.url,
    KORA_HTTP_CHECK_ALLOW: new URL(site.url).host,
  });
  expect([await recorded.exited, recorded.stderr()]).toEqual([0, '']);
  const shown = recorded.lines.map(({ msg }) => msg).join('\n');
  expect(shown).toMatch(
    /probe_investigation +claude-sonnet-5-5 .*\$0\.0016[^]*call-1 http_check[^]*tool_loop_iteration/,
  );
  expect(shown).toContain('    │ Next step: Renew the token.');
  expect(shown).toContain('confirmed; 2 rounds, 2 tool calls');
  expect(readFileSync(transcript, 'utf8')).not.toContain('sk-ant-secret');

  const requests = [anthropic.requests.length, site.requests.length];
  const replayed = runScript('apps/cli/dist/main.js', ['replay', transcript], {});
  expect([await replayed.exited, replayed.stderr()]).toEqual([0, '']);
  const dm = (text: string) => text.split('\n').filter((line) => line.startsWith('    │'));
  expect(dm(replayed.lines.map(({ msg }) => msg).join('\n'))).toEqual(dm(shown));
  expect([anthropic.requests.length, site.requests.length]).toEqual(requests);
});

test('the investigation of a wake is replayed from its kept steps, and asks again only from the step that is named', async ({
  ns,
  logPath,
}) => {
  const { anthropic, site, env } = await doublesAndSite();
  const allow = { KORA_HTTP_CHECK_ALLOW: new URL(site.url).host };
  const settings = environment(ns, logPath, { ...env, ...allow });
  await startTailerAndWorker(settings);
  append(logPath, wakeRow());
  const id = await eventually(async () => (await ns.redis.zrange(ns.keys.stepsIndex, '0', '0'))[0]);
  expect((await readSteps(ns.redis, ns.keys, id))?.map(({ kind }) => kind)).toEqual(['llm', 'tool', 'tool', 'llm']);
  const requests = () => [anthropic.requests.length, site.requests.length];
  const replay = async (...args: string[]) => {
    const script = runScript('apps/cli/dist/main.js', ['replay', '--wake', ...args], settings);
    return { code: await script.exited, err: script.stderr(), out: script.lines.map(({ msg }) => msg).join('\n') };
  };
  expect(requests()).toEqual([2, 1]);

  const replayed = await replay(id);
  expect([replayed.code, replayed.err]).toEqual([0, '']);
  expect(replayed.out).toContain('    │ The site answers 401: its token expired at midnight.');
  expect(replayed.out).toContain('confirmed; 2 rounds, 2 tool calls');
  expect(requests()).toEqual([2, 1]);

  anthropic.next.push(
    callsTools({ name: 'http_check', input: { url: `${site.url}/other` } }),
    finds({ verdict: 'likely', diagnosis: 'Both pages answer 401.', next_step: 'Renew it.', evidence: [] }),
  );
  const from = await replay(id, '--from', '4');
  expect([from.code, from.err]).toEqual([0, '']);
  expect(from.out).toContain('Both pages answer 401.');
  expect(from.out).toContain('3 rounds, 3 tool calls');
  expect(requests()).toEqual([4, 2]);
  expect(JSON.parse(anthropic.requests[2]?.body ?? '').messages.at(-1).content[0].content).toContain('token expired');

  for (const [args, reason] of [
    [['w-none'], 'there is no wake w-none'],
    [[id, '--from', '2'], 'step 2 is not a call of the AI'],
    [[id, '--from', '9'], 'step 9 is not a call of the AI'],
  ] as const) {
    const { code, err } = await replay(...args);
    expect([code, err]).toEqual([2, expect.stringContaining(reason)]);
  }
});

test('the transcript of the README can be replayed and ends with the DM that the README shows', async () => {
  const replayed = runScript('apps/cli/dist/main.js', ['replay', 'test/fixtures/transcript.json'], {});
  expect(await replayed.exited).toBe(0);
  const readme = readFileSync(join(root, 'docs', 'investigator.md'), 'utf8');
  const dm = replayed.lines.map(({ msg }) => msg).filter((line) => line.startsWith('    │'));
  expect(dm.length).toBeGreaterThan(2);
  for (const line of dm) expect(readme).toContain(line);
});

test.for<[string[], Record<string, string>, string]>([
  [['investigate', '--file', 'test/fixtures/sample.jsonl'], {}, 'set ANTHROPIC_API_KEY'],
  [['investigate', '--file', '/nonexistent'], { ANTHROPIC_API_KEY: 'sk' }, '/nonexistent cannot be read (ENOENT)'],
  [['investigate', '--file', 'package.json'], { ANTHROPIC_API_KEY: 'sk' }, 'has no probe.wake_requested row'],
  [['replay'], {}, 'FILE is needed, or --wake ID'],
  [['replay', 'package.json', '--wake', 'w-1'], {}, 'not both'],
  [['replay', 'package.json'], {}, 'is not a transcript'],
  [['replay', '/nonexistent'], {}, '/nonexistent cannot be read (ENOENT)'],
])('kora-wake %j fails with one sentence', async ([args, env, sentence]) => {
  const script = runScript('apps/cli/dist/main.js', args, env);
  expect(await script.exited).toBe(2);
  expect(script.stderr()).toContain(sentence);
  expect(script.stderr()).not.toMatch(/^\s+at /m);
});

test('npm run eval exits with 2 without a key, and if the provider answers nothing', async () => {
  const without = runScript('scripts/eval.ts', [], {});
  expect([await without.exited, without.stderr()]).toEqual([2, expect.stringContaining('set ANTHROPIC_API_KEY')]);
  const refusing = await httpDouble((_request, response) => void response.writeHead(401).end('{}'));
  onTestFinished(() => refusing.close());
  const refused = runScript('scripts/eval.ts', [], { ANTHROPIC_API_KEY: 'sk', ANTHROPIC_BASE_URL: refusing.url });
  expect([await refused.exited, refused.stderr()]).toEqual([2, expect.stringContaining('answered nothing')]);
  expect(refused.lines.filter(({ msg }) => msg.startsWith('not answered'))).not.toHaveLength(0);
});
