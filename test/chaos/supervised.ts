/** An app that a supervisor starts again after each exit, as systemd or Kubernetes does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { appScript } from '../support/spawn.ts';

const root = join(import.meta.dirname, '..', '..');
/** Time between an exit and the next start, ms. */
const RESTART_MS = 1_000;

export class Supervised {
  readonly name: string;
  peakBytes = 0;
  #child: ChildProcess | undefined;
  #start: () => ChildProcess;
  #wanted = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(name: string, start: () => ChildProcess) {
    this.name = name;
    this.#start = start;
  }

  start(): void {
    this.#wanted = true;
    const child = this.#start();
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('close', () => {
        resolve();
        if (this.#wanted) setTimeout(() => this.#wanted && this.#child === child && this.start(), RESTART_MS);
      });
    });
  }

  /** Sends a signal. If the process ends, it is started again. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends the process. Only `start` starts it again. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = false;
    this.#child?.kill('SIGCONT');
    this.#child?.kill(signal);
    await this.#ended;
  }

  /** Updates the peak memory from /proc. */
  measureMemory(): void {
    try {
      const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.#child?.pid}/status`, 'utf8'))?.[1];
      this.peakBytes = Math.max(this.peakBytes, Number(peak ?? 0) * 1024);
    } catch {
      // the process has just ended
    }
  }
}

interface AppOptions {
  app: 'tailer' | 'worker' | 'api';
  /** Distinguishes two processes of one app. */
  number: number;
  env: Record<string, string | undefined>;
  /** Its output is appended to a file in this folder. */
  folder: string;
  /** Called for each log line. */
  line(line: Record<string, unknown>): void;
  /** Called for each fatal log line and each text on stderr: neither may happen. */
  crash(text: string): void;
}

/** One built app under supervision. It is not started yet. */
export function supervisedApp({ app, number, env, folder, line, crash }: AppOptions): Supervised {
  const name = `${app} ${number}`;
  const output = createWriteStream(join(folder, `${app}-${number}.log`), { flags: 'a' });
  return new Supervised(name, () => {
    // The IPC channel ends the app if this process is killed.
    const child = spawn(process.execPath, [join(root, appScript(app))], {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    if (child.stdout) {
      createInterface({ input: child.stdout }).on('line', (text) => {
        output.write(`${text}\n`);
        const read: Record<string, unknown> = JSON.parse(text);
        if (Number(read.level) >= 60) crash(`${name}: ${text}`);
        line(read);
      });
    }
    child.stderr?.on('data', (text) => {
      output.write(String(text));
      crash(`${name}: ${String(text).trim()}`);
    });
    return child;
  });
}
