/** Apps whose output nobody reads: a stopped terminal (Ctrl-S), or a pipe with a stopped reader. They work on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { tryListen } from '../../apps/cli/src/private-redis.ts';
import { runCommand } from '../../apps/cli/test/terminal.ts';
import { environment } from '../support/doubles.ts';
import { append, counter, endBeforeCleanup, eventually, type Namespace, test, wakeRow } from '../support/fixtures.ts';
import { program } from '../support/programs.ts';
import { appScript } from '../support/spawn.ts';

const root = join(import.meta.dirname, '..', '..');
/** Each wake causes a line of more than 500 bytes, because its names are long, so their lines exceed every buffer. */
const WAKES = 2_500;
const LONG = 'n'.repeat(180);
/** Each alert is printed as a DM, so they exceed the buffer of a terminal. */
const ALERTS = 100;
const CLI = 'apps/cli/dist/main.js';

const environmentOf = (ns: Namespace, logPath: string) => ({
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  ...environment(ns, logPath, { KORA_PROBE_WAKE_POLL_SEC: '1' }),
});

function endsWithTest(child: ChildProcess, pid: () => number | undefined): void {
  endBeforeCleanup(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    const app = pid();
    if (app !== undefined) process.kill(app, 'SIGKILL');
    child.kill('SIGKILL');
    await ended;
  });
}

/** The keys of the checkpoint and of its lease. */
function sourceKeys({ redis, prefix }: Namespace): Promise<string[]> {
  return redis.keys(`${prefix}:source:*`);
}

/** Appends wakes, and waits until the tailer has enqueued them all. */
async function enqueueMany(ns: Namespace, logPath: string): Promise<void> {
  // The tailer starts at the end of the log, and stores that position first.
  await eventually(async () => (await sourceKeys(ns)).some((key) => !key.endsWith(':lease')));
  const rows = Array.from({ length: WAKES }, (_, i) =>
    wakeRow({ probe: LONG, category: `unread-${i} ${LONG}`, severity: LONG, title: 't'.repeat(40) }),
  );
  append(logPath, ...rows);
  await eventually(async () => (await counter(ns, 'enqueued')) === WAKES);
}

test('a tailer whose pipe nobody reads decides all rows, and later says how many lines it dropped', async ({
  ns,
  logPath,
}) => {
  const child = spawn(process.execPath, [join(root, appScript('tailer'))], {
    env: environmentOf(ns, logPath),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endsWithTest(child, () => undefined);
  await enqueueMany(ns, logPath);

  const lines = createInterface({ input: child.stdout });
  const counts = { enqueued: 0, dropped: 0 };
  lines.on('line', (line) => {
    const { event, lines: dropped } = JSON.parse(line);
    if (event === 'wake.enqueued') counts.enqueued++;
    if (event === 'app.log_dropped') counts.dropped += dropped;
  });
  await eventually(() => counts.dropped > 0);
  expect(counts.enqueued).toBeGreaterThan(0);
  expect(counts.enqueued + counts.dropped).toBeGreaterThanOrEqual(WAKES);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

/** Runs a script of the project on a terminal that is not read until `read` is called. */
function onStoppedTerminal(args: string[], env: NodeJS.ProcessEnv) {
  const script = join(root, 'test', 'support', 'unread-terminal.py');
  const terminal = spawn(program('python3'), [script, process.execPath, ...args], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let pid: number | undefined;
  let output = '';
  terminal.stdout.on('data', (chunk: Buffer) => {
    output += String(chunk);
    pid ??= Number(output.split('\n')[0]);
  });
  endsWithTest(terminal, () => pid);
  return {
    terminal,
    output: () => output,
    read: () => terminal.stdin.write('read\n'),
    terminate: () => process.kill(pid ?? 0, 'SIGTERM'),
    /** True if the app has ended; its parent waits for it only after the terminal was read. */
    hasEnded: () => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')),
  };
}

test('a tailer on a stopped terminal decides all rows, shows the log afterwards, and stops', async ({
  ns,
  logPath,
}) => {
  const tailer = onStoppedTerminal([join(root, appScript('tailer'))], environmentOf(ns, logPath));
  await enqueueMany(ns, logPath);
  tailer.read();
  await eventually(() => tailer.output().includes('log lines were dropped'));
  expect(tailer.output()).toContain('watching log');
  tailer.terminate();
  expect(await once(tailer.terminal, 'exit')).toEqual([0, null]);
});

test('a tailer on a stopped terminal still stops when it is asked to', async ({ ns, logPath }) => {
  const tailer = onStoppedTerminal([join(root, appScript('tailer'))], environmentOf(ns, logPath));
  await enqueueMany(ns, logPath);
  tailer.terminate();
  await eventually(tailer.hasEnded);
  tailer.read();
  expect(await once(tailer.terminal, 'exit')).toEqual([0, null]);
});

test('npm start on a stopped terminal sends all alerts, and stops', async ({ folder, logPath }) => {
  const port = await tryListen(0);
  const env = { KORA_HOME: folder, KORA_API_PORT: String(port), LOG_LEVEL: 'debug' };
  const start = onStoppedTerminal([join(root, CLI), 'start'], { PATH: process.env.PATH, ...env });
  // The tailer starts at the end of the log, and stores that position first.
  await eventually(async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/tailer`).catch(() => undefined);
    return (await answer?.text())?.includes('"offset"');
  });
  append(logPath, ...Array.from({ length: ALERTS }, (_, i) => wakeRow({ category: `unread-${i}` })));
  await eventually(async () => (await runCommand(['audit'], env)).out.includes(`${ALERTS} dry run`));
  start.terminate();
  await eventually(start.hasEnded);
  start.read();
  expect(await once(start.terminal, 'exit')).toEqual([0, null]);
  expect(start.output()).toContain('INFO');
});
