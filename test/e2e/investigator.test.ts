/** The investigator in its process: real tools, a real MCP server, a double of the Messages API; and its replay. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { anthropicDouble, callsTools, finds } from '../support/anthropic.ts';
import { append, eventually, rowsOf, test, wakeRow } from '../support/fixtures.ts';
import { httpDouble } from '../support/http-double.ts';
import { runApp, runScript } from '../support/process.ts';
import { slackDouble } from '../support/slack.ts';

const MCP_SERVER = join(
  import.meta.dirname,
  '../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js',
);
const root = join(import.meta.dirname, '..', '..');

async function doubles() {
  const [slack, anthropic] = await Promise.all([slackDouble(), anthropicDouble()]);
  const site = await httpDouble((_request, response) => {
    response.writeHead(401, { 'content-type': 'text/plain' }).end('token expired at midnight');
  });
  onTestFinished(async () => {
    await Promise.all([slack.close(), anthropic.close(), site.close()]);
  });
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
  return { slack, anthropic, site };
}

test('a worker looks with its tools, tells what it found, and writes each call into the log', async ({
  ns,
  folder,
  logPath,
}) => {
  const { slack, anthropic, site } = await doubles();
  const notes = { command: process.execPath, args: [MCP_SERVER, '${NOTES}'], allow: ['read_*'] };
  const down = { command: '/nonexistent', allow: ['*'] };
  writeFileSync(join(folder, 'mcp.json'), JSON.stringify({ mcpServers: { notes, down } }));
  const env = {
    REDIS_URL: ns.redisUrl,
    KORA_QUEUE_PREFIX: ns.prefix,
    KORA_AUDIT_LOG_PATH: logPath,
    KORA_SLACK_BOT_TOKEN: 'xoxb-secret',
    KORA_SLACK_OPERATOR_USER_ID: 'U0OPERATOR',
    KORA_SLACK_API_URL: slack.apiUrl,
    ANTHROPIC_API_KEY: 'sk-secret',
    ANTHROPIC_BASE_URL: anthropic.url,
    KORA_HTTP_CHECK_ALLOW: '127.0.0.1',
    KORA_MCP_CONFIG: join(folder, 'mcp.json'),
    NOTES: folder,
  };
  const [tailer, worker] = [runApp('tailer', env), runApp('worker', env)];
  await Promise.all([tailer.until('following the log'), worker.until('waiting for wakes')]);
  append(logPath, wakeRow());
  await eventually(() => slack.accepted.length === 1);
  expect(slack.accepted[0]?.text).toBe(
    '⚠️ Probe alert · fly\nThe site answers 401: its token expired at midnight.\nNext step: Renew the token.',
  );
  expect(site.requests).toHaveLength(1);
  const { tools } = JSON.parse(anthropic.requests[0]?.body ?? '');
  expect(tools.map(({ name }: { name: string }) => name)).toEqual(
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
}, 40_000);

test('an investigation in the terminal is shown as it goes, kept, and run again without anybody being asked', async ({
  ns,
  folder,
  logPath,
}) => {
  const { anthropic, site } = await doubles();
  append(logPath, 'no row', wakeRow());
  const kept = join(folder, 'kept.json');
  const recorded = runScript('apps/cli/dist/main.js', ['investigate', '--file', logPath, '--record', kept], {
    REDIS_URL: ns.redisUrl,
    KORA_QUEUE_PREFIX: ns.prefix,
    KORA_AUDIT_LOG_PATH: logPath,
    ANTHROPIC_API_KEY: 'sk-ant-secret-0123456789',
    ANTHROPIC_BASE_URL: anthropic.url,
    KORA_HTTP_CHECK_ALLOW: '127.0.0.1',
  });
  expect([await recorded.exited, recorded.stderr()]).toEqual([0, '']);
  const shown = recorded.lines.map(({ msg }) => msg).join('\n');
  expect(shown).toMatch(
    /probe_investigation +claude-sonnet-5-5 .*\$0\.0016[^]*call-1 http_check[^]*tool_loop_iteration/,
  );
  expect(shown).toContain('    │ Next step: Renew the token.');
  expect(shown).toContain('confirmed; 2 rounds, 2 tool calls');
  expect(readFileSync(kept, 'utf8')).not.toContain('sk-ant-secret');

  const asked = [anthropic.requests.length, site.requests.length];
  const replayed = runScript('apps/cli/dist/main.js', ['investigate', '--replay', kept], {});
  expect([await replayed.exited, replayed.stderr()]).toEqual([0, '']);
  const dm = (text: string) => text.split('\n').filter((line) => line.startsWith('    │'));
  expect(dm(replayed.lines.map(({ msg }) => msg).join('\n'))).toEqual(dm(shown));
  expect([anthropic.requests.length, site.requests.length]).toEqual(asked);
});

test('the transcript of the README is one, and ends as it says', async () => {
  const replayed = runScript('apps/cli/dist/main.js', ['investigate', '--replay', 'test/fixtures/transcript.json'], {});
  expect(await replayed.exited).toBe(0);
  const readme = readFileSync(join(root, 'docs', 'investigator.md'), 'utf8');
  const dm = replayed.lines.map(({ msg }) => msg).filter((line) => line.startsWith('    │'));
  expect(dm.length).toBeGreaterThan(2);
  for (const line of dm) expect(readme).toContain(line);
});

test.for<[string[], Record<string, string>, string]>([
  [[], {}, 'say which row'],
  [['--file', '/nonexistent'], { ANTHROPIC_API_KEY: 'sk' }, '/nonexistent cannot be read (ENOENT)'],
  [['--file', 'package.json'], { ANTHROPIC_API_KEY: 'sk' }, 'has no probe.wake_requested row'],
  [['--replay', 'package.json'], {}, 'is no transcript'],
  [['--frobnicate'], {}, '--frobnicate'],
])('npm run investigate with %j is told in one sentence what is wrong', async ([args, env, sentence]) => {
  const script = runScript('apps/cli/dist/main.js', ['investigate', ...args], env);
  expect(await script.exited).toBe(2);
  expect(script.stderr()).toContain(sentence);
  expect(script.stderr()).not.toMatch(/^\s+at /m);
});

test('npm run eval is no result without a key, nor where nothing is answered', async () => {
  const without = runScript('scripts/eval.ts', [], {});
  expect([await without.exited, without.stderr()]).toEqual([2, expect.stringContaining('set ANTHROPIC_API_KEY')]);
  const refusing = await httpDouble((_request, response) => void response.writeHead(401).end('{}'));
  onTestFinished(() => refusing.close());
  const refused = runScript('scripts/eval.ts', [], { ANTHROPIC_API_KEY: 'sk', ANTHROPIC_BASE_URL: refusing.url });
  expect([await refused.exited, refused.stderr()]).toEqual([2, expect.stringContaining('answered nothing')]);
  expect(refused.lines.filter(({ msg }) => msg.startsWith('not answered'))).not.toHaveLength(0);
});
