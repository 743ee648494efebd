/** Apps whose output nobody reads: a stopped terminal (Ctrl-S), or a pipe with a stopped reader. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from './doubles.ts';
import { append, counter, endBeforeCleanup, eventually, type Namespace, wakeRow } from './fixtures.ts';
import { program } from './programs.ts';

const root = join(import.meta.dirname, '..', '..');
/** Each wake causes a line of more than 500 bytes, because its names are long, so their lines exceed every buffer. */
export const WAKES = 2_500;
const LONG = 'n'.repeat(180);

/** The complete environment of an app. */
export const environmentOf = (ns: Namespace, logPath: string) => ({
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  ...environment(ns, logPath, { KORA_PROBE_WAKE_POLL_SEC: '1' }),
});

/** Ends a process and its app with the test. @param pid of the app, if it is a child of that process */
export function endsWithTest(child: ChildProcess, pid: () => number | undefined): void {
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
export async function enqueueMany(ns: Namespace, logPath: string): Promise<void> {
  // The tailer starts at the end of the log, and stores that position first.
  await eventually(async () => (await sourceKeys(ns)).some((key) => !key.endsWith(':lease')));
  const rows = Array.from({ length: WAKES }, (_, i) =>
    wakeRow({ probe: LONG, category: `unread-${i} ${LONG}`, severity: LONG, title: 't'.repeat(40) }),
  );
  append(logPath, ...rows);
  await eventually(async () => (await counter(ns, 'enqueued')) === WAKES);
}

/** Runs a script of the project on a terminal that is not read until `read` is called. */
export function onStoppedTerminal(args: string[], env: NodeJS.ProcessEnv) {
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
