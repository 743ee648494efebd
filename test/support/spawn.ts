/** Starts built apps and scripts as child processes and waits for their output; for tests and benchmarks. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { AppName } from '@kora-wake/shared/runtime/env-table';
import type { LogEvent } from '@kora-wake/shared/runtime/log-events';

const root = join(import.meta.dirname, '..', '..');

/** Default limit of a wait, ms. It only ends a failed run: a busy machine must not reach it. */
export const WAIT_MS = 60_000;

/** One line of output. A line that is not JSON has only `msg`. */
export type LogLine = Record<string, unknown> & { msg: string };

export interface Running {
  child: ChildProcess;
  lines: LogLine[];
  /** The complete stderr output so far. */
  stderr(): string;
  /** Resolves with the first log line of this event, from the start. */
  until: ReturnType<typeof eventWaiter>;
  /** Resolves with the first line that contains the text. For output that is not a log line. */
  untilText: ReturnType<typeof textWaiter>;
  /** The exit code, or the signal that ended the process. */
  exited: Promise<number | NodeJS.Signals>;
}

/** Path of the built entry file of an app, relative to the project. */
export function appScript(app: AppName): string {
  return `apps/${app}/dist/main.js`;
}

/**
 * Runs a script of the project. The caller must end it. The IPC channel ends the apps if this process is killed: they
 * stop when the channel closes.
 *
 * @param env the complete environment, except PATH and HOME
 */
export function spawnScript(script: string, args: string[], env: Record<string, string>): Running {
  const child = spawn(process.execPath, [join(root, script), ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  let stderr = '';
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', (text) => {
      lines.push(text.startsWith('{') ? JSON.parse(text) : { msg: text });
      for (const check of waiting) check();
    });
  }
  child.stderr?.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal ?? -1));
  });
  const ended = exited.then((code) => `the process ended (${code}); its stderr was:\n${stderr}`);
  const until = eventWaiter(lines, waiting, ended);
  return { child, lines, stderr: () => stderr, until, untilText: textWaiter(lines, waiting, ended), exited };
}

/** Waits for the first line of an event that `also` accepts. Lines that are already there count. */
function eventWaiter(lines: LogLine[], waiting: Set<() => void>, ended: Promise<string>) {
  return (event: LogEvent, also: (line: LogLine) => boolean = () => true, ms = WAIT_MS) =>
    lineThat(`event "${event}"`, (line) => line.event === event && also(line), { lines, waiting, ms, ended });
}

/** As {@link eventWaiter}, for tests that still name a part of the message. */
export function eventOrTextWaiter(lines: LogLine[], waiting: Set<() => void>) {
  return (name: string, also: (line: LogLine) => boolean = () => true, ms = WAIT_MS) => {
    const matches = (line: LogLine) => (line.event === name || line.msg.includes(name)) && also(line);
    return lineThat(`line "${name}"`, matches, { lines, waiting, ms });
  };
}

function textWaiter(lines: LogLine[], waiting: Set<() => void>, ended: Promise<string>) {
  return (text: string, ms = WAIT_MS) =>
    lineThat(`line "${text}"`, ({ msg }) => msg.includes(text), { lines, waiting, ms, ended });
}

interface Awaited {
  lines: LogLine[];
  /** Called after each new line. */
  waiting: Set<() => void>;
  ms: number;
  /** Resolves with a reason when there will be no more lines. Undefined: there may always be more. */
  ended?: Promise<string>;
}

function lineThat(name: string, matches: (line: LogLine) => boolean, { lines, waiting, ms, ended }: Awaited) {
  return new Promise<LogLine>((resolve, reject) => {
    const timer = setTimeout(() => giveUp(`within ${ms} ms`), ms);
    function stop() {
      clearTimeout(timer);
      waiting.delete(check);
    }
    function giveUp(reason: string) {
      stop();
      const seen = lines.map((line) => JSON.stringify(line)).join('\n');
      reject(new Error(`no ${name}: ${reason}; the output was:\n${seen}`));
    }
    function check() {
      const found = lines.find(matches);
      if (!found) return;
      stop();
      resolve(found);
    }
    waiting.add(check);
    check();
    if (ended) void ended.then(giveUp);
  });
}

/** The address at which a started API listens. */
export async function apiUrl(api: Running): Promise<string> {
  const { url } = await api.until('api.listening');
  return String(url);
}
