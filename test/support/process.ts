/** The built apps as processes: started, awaited by their log, ended by their own pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endBeforeCleanup, type LogLine, lineWaiter } from './fixtures.ts';

const root = join(import.meta.dirname, '..', '..');

export interface Running {
  child: ChildProcess;
  lines: LogLine[];
  /** Everything it wrote to stderr. */
  stderr(): string;
  /** Resolves with the first log line whose message contains the text. */
  until: ReturnType<typeof lineWaiter>;
  /** The exit code, or the signal that ended it. */
  exited: Promise<number | NodeJS.Signals>;
}

/** Runs a script of the project with just the given environment. A test's end kills what is left of it. */
export function runScript(script: string, args: string[], env: Record<string, string>): Running {
  const child = spawn(process.execPath, [join(root, script), ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  let stderr = '';
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(text.startsWith('{') ? JSON.parse(text) : { msg: text });
    for (const check of waiting) check();
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal ?? -1));
  });
  endBeforeCleanup(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  });
  return { child, lines, stderr: () => stderr, until: lineWaiter(lines, waiting), exited };
}

/** Runs one of the built apps. */
export function runApp(app: 'tailer' | 'worker' | 'api', env: Record<string, string>): Running {
  return runScript(`apps/${app}/dist/main.js`, [], env);
}
