/** Prometheus and Alertmanager as processes of tests and benchmarks. They end with this process. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { startGuarded } from '../../apps/cli/src/guarded-process.ts';
import { freePort } from './ports.ts';
import { program } from './programs.ts';

export interface MonitoringProcess {
  url: string;
  /** Process id. */
  pid: number;
  end(): Promise<void>;
}

/** Longest time of a start, ms. It only ends a failed run. */
const START_MS = 60_000;
const LOOK_MS = 50;

/** @param config content of alertmanager.yml */
export async function startAlertmanager(folder: string, config: unknown): Promise<MonitoringProcess> {
  return start('prometheus-alertmanager', folder, config, [
    '--cluster.listen-address=',
    '--log.level=error',
    `--storage.path=${join(folder, 'data')}`,
  ]);
}

/** @param config content of prometheus.yml */
export async function startPrometheus(folder: string, config: unknown): Promise<MonitoringProcess> {
  return start('prometheus', folder, config, ['--log.level=error', `--storage.tsdb.path=${join(folder, 'data')}`]);
}

async function start(
  name: 'prometheus' | 'prometheus-alertmanager',
  folder: string,
  config: unknown,
  args: string[],
): Promise<MonitoringProcess> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'config.yml');
  writeFileSync(file, stringify(config));
  const port = await freePort();
  const listen = [`--config.file=${file}`, `--web.listen-address=127.0.0.1:${port}`];
  const { guard, pid } = await startGuarded(program(name), [...listen, ...args]);
  guard.stdout?.resume();
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => {
    guard.once('exit', () => {
      hasEnded = true;
      resolve();
    });
  });
  const url = `http://127.0.0.1:${port}`;
  const end = async () => {
    if (hasEnded) return;
    // The guard does not keep this process alive, which must not end before the server has.
    guard.ref();
    process.kill(pid, 'SIGKILL');
    await ended;
  };
  const until = performance.now() + START_MS;
  for (;;) {
    const ready = await fetch(`${url}/-/ready`).catch(() => undefined);
    await ready?.arrayBuffer();
    if (ready?.ok) return { url, pid, end };
    if (hasEnded || performance.now() > until) {
      await end();
      throw new Error(`${name} did not start with ${file}`);
    }
    await sleep(LOOK_MS);
  }
}
