/** How every command explains itself and refuses wrong arguments. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { rowsOf, test } from '../../../test/support/fixtures.ts';
import { runCommand } from './terminal.ts';

const COMMANDS = ['start', 'wake', 'audit', 'investigate', 'replay', 'simulate', 'map'];

describe('help', () => {
  test.for([['--help'], ['-h'], ['help']])('of kora-wake %s lists every command on stdout', async (args) => {
    const { code, out, err } = await runCommand(args);
    expect([code, err]).toEqual([0, '']);
    for (const name of COMMANDS) expect(out).toMatch(new RegExp(`^  ${name} +\\S`, 'm'));
  });

  test.for(COMMANDS)('of %s goes to stdout and exits with 0, in each of its three forms', async (name) => {
    const forms = await Promise.all(
      [
        [name, '--help'],
        [name, '-h'],
        ['help', name],
      ].map((args) => runCommand(args)),
    );
    const [first] = forms;
    expect(first?.out).toContain(`Usage: kora-wake ${name}`);
    expect(first?.out).toContain('--help');
    expect(forms).toEqual(forms.map(() => ({ code: 0, out: first?.out, err: '' })));
  });

  test('explains a command even if its other arguments are wrong', async () => {
    expect(await runCommand(['wake', '--nonsense', '--help'])).toMatchObject({ code: 0, err: '' });
  });

  test('shows the call through npm to those who use it', async () => {
    const { out } = await runCommand(['wake', '--help'], { npm_lifecycle_event: 'wake' });
    expect(out).toContain('Usage: npm run wake -- --probe NAME');
  });

  test('does not take the value of an option for a request', async ({ folder }) => {
    const { code } = await runCommand(['wake', '--probe', 'p', '--category', 'c', '--title=--help'], {
      KORA_HOME: folder,
    });
    expect(code).toBe(0);
  });
});

describe('wrong arguments exit with 2 and one sentence on stderr', () => {
  test.for<[string[], string]>([
    [[], 'no command given.'],
    [['frobnicate'], "unknown command 'frobnicate'."],
    [['toString'], "unknown command 'toString'."],
    [['help', 'frobnicate'], "unknown command 'frobnicate'."],
    ...COMMANDS.map((name): [string[], string] => [[name, '--frobnicate'], "Unknown option '--frobnicate'."]),
    ...COMMANDS.map((name): [string[], string] => [[name, 'one', 'two'], 'unexpected argument']),
    [['wake'], '--probe and --category are needed.'],
    [['wake', '--probe'], "Option '--probe <value>' argument missing."],
    [['wake', '--probe', 'p', '--category', 'c', '--snapshot', '{'], '--snapshot is not valid JSON.'],
    [['investigate'], '--file is needed'],
    [['replay'], 'FILE is needed'],
    [['replay', 'transcript.json', '--from', '3'], '--from needs --wake'],
    [['simulate', '--pairs', 'many'], '--pairs: expected a whole number'],
    [['simulate', '--pairs', ''], '--pairs: expected a whole number'],
    [['simulate', '--days=-1'], '--days: expected a number'],
    [['simulate', '--budget', '0x10'], '--budget: expected a number'],
    [['simulate', '--workers', '0'], '--workers: expected a whole number of at least 1.'],
    [['simulate', '--row-every-seconds', '0'], '--row-every-seconds: expected a number above 0.'],
  ])('%j', async ([args, sentence], { folder }) => {
    const { code, out, err } = await runCommand(args, { KORA_HOME: folder });
    expect([code, out]).toEqual([2, '']);
    const [first, second] = err.split('\n');
    expect(first).toMatch(/^kora-wake( \w+)?: [^\n]*\.$/);
    expect(first).toContain(sentence);
    expect(second).toMatch(/^Usage: kora-wake/);
    expect(existsSync(join(folder, 'kora_audit_log.jsonl'))).toBe(false);
  });
});

test('a bad configuration exits with 2 and no stack', async () => {
  const { code, err } = await runCommand(['audit'], { KORA_API_PORT: 'x' });
  expect(code).toBe(2);
  expect(err).toContain('KORA_API_PORT must be a whole number');
  expect(err).not.toMatch(/^\s+at /m);
});

test('wake appends one row with the given details', async ({ folder, logPath }) => {
  const args = [
    '--probe',
    'fly',
    '--category',
    'down',
    '--severity',
    'critical',
    '--snapshot',
    '{"status": 401}',
    '--instance',
    'm1',
  ];
  expect(await runCommand(['wake', ...args], { KORA_HOME: folder })).toMatchObject({ code: 0, err: '' });
  expect(rowsOf(logPath)).toMatchObject([
    {
      seam: 'probe.wake_requested',
      source: null,
      details: {
        probe: 'fly',
        category: 'down',
        severity: 'critical',
        snapshot_details: { status: 401 },
        instance: 'm1',
      },
    },
  ]);
});

test('recover appends one recovery with the given details', async ({ folder, logPath }) => {
  const args = ['--probe', 'fly', '--category', 'down', '--instance', 'm1'];
  expect(await runCommand(['recover', ...args], { KORA_HOME: folder })).toMatchObject({ code: 0, err: '' });
  expect(rowsOf(logPath)).toMatchObject([
    { seam: 'probe.recovered', source: null, details: { probe: 'fly', category: 'down', instance: 'm1' } },
  ]);
});

test('wake exits with 2 if it cannot write the log', async () => {
  const { code, err } = await runCommand(['wake', '--probe', 'p', '--category', 'c'], { KORA_HOME: '/dev/null/kora' });
  expect([code, err]).toEqual([2, expect.stringMatching(/^kora-wake wake: cannot write to .*\(ENOTDIR\)/)]);
});
