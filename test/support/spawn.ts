/** The built apps as processes, awaited by their log; for tests and for benchmarks. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..', '..');

export type LogLine = Record<string, unknown> & { msg: string };

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

export type AppName = 'tailer' | 'worker' | 'api';

/** Where one of the built apps begins. */
export function appScript(app: AppName): string {
  return `apps/${app}/dist/main.js`;
}

/** Runs a script of the project with just the given environment. Who starts it ends it. */
export function spawnScript(script: string, args: string[], env: Record<string, string>): Running {
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
  return { child, lines, stderr: () => stderr, until: lineWaiter(lines, waiting), exited };
}

/** Resolves with the first line, from the start, whose message contains `message` and which `also` accepts. */
export function lineWaiter(lines: LogLine[], waiting: Set<() => void>) {
  return (message: string, also: (line: LogLine) => boolean = () => true, ms = 15_000) =>
    new Promise<LogLine>((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(check);
        reject(
          new Error(
            `no log line "${message}" within ${ms} ms; there were:\n${lines.map((l) => JSON.stringify(l)).join('\n')}`,
          ),
        );
      }, ms);
      function check() {
        const found = lines.find((line) => (line.event === message || line.msg.includes(message)) && also(line));
        if (!found) return;
        clearTimeout(timer);
        waiting.delete(check);
        resolve(found);
      }
      waiting.add(check);
      check();
    });
}
