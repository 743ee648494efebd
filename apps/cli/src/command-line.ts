/** `kora-wake COMMAND`: finds the command and runs it. */
import { asksForHelp, type Command, columns, type Env, type Io } from './command.ts';

interface Entry {
  summary: string;
  /** Loaded only if it runs: `wake` needs none of the packages of `investigate`. */
  load(): Promise<{ command: Command }>;
}

const COMMANDS: Record<string, Entry> = {
  start: {
    summary: 'run everything in this terminal: Redis, tailer, worker, API',
    load: () => import('./commands/start.ts'),
  },
  wake: { summary: 'append a wake row to the audit log, as a probe does', load: () => import('./commands/wake.ts') },
  recover: {
    summary: 'append a recovery row to the audit log, as a probe does',
    load: () => import('./commands/recover.ts'),
  },
  incidents: {
    summary: 'list incidents; acknowledge, snooze, resolve or judge one',
    load: () => import('./commands/incidents.ts'),
  },
  doctor: {
    summary: 'check the set-up: what is ready, and what to do',
    load: () => import('./commands/doctor.ts'),
  },
  hold: {
    summary: 'hold all messages for a time',
    load: () => import('./commands/hold.ts'),
  },
  audit: {
    summary: 'check that each row has a decision and each wake an outcome',
    load: () => import('./commands/audit.ts'),
  },
  investigate: {
    summary: 'investigate one row in this terminal; nothing is sent',
    load: () => import('./commands/investigate.ts'),
  },
  replay: {
    summary: 'run a recorded investigation again, without a network or a key',
    load: () => import('./commands/replay.ts'),
  },
  simulate: {
    summary: 'forecast load, delays and cost of a plan',
    load: () => import('./commands/simulate.ts'),
  },
  policy: {
    summary: 'check a policy file, or explain what it does with an alert',
    load: () => import('./commands/policy.ts'),
  },
  backtest: {
    summary: 'show what a policy would have done with your own log',
    load: () => import('./commands/backtest.ts'),
  },
  map: {
    summary: 'show the rows that the body of an alerting tool becomes',
    load: () => import('./commands/map.ts'),
  },
};

const USAGE = `Usage: kora-wake COMMAND [options]

Commands:
${columns(Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary])).join('\n')}

"kora-wake COMMAND --help" explains a command. In a clone, "npm run COMMAND -- [options]" installs and builds first.`;

/** @returns the exit code */
export async function runCommandLine([name, ...args]: string[], env: Env, io: Io): Promise<number> {
  if (name === 'help' && args[0] !== undefined) return runCommandLine([args[0], '--help'], env, io);
  if (name === 'help' || (name !== undefined && asksForHelp([name]))) {
    io.out(USAGE);
    return 0;
  }
  const entry = name === undefined || !Object.hasOwn(COMMANDS, name) ? undefined : COMMANDS[name];
  if (!entry) {
    io.err(`kora-wake: ${name === undefined ? 'no command given' : `unknown command '${name}'`}.\n${USAGE}`);
    return 2;
  }
  const { command } = await entry.load();
  return command.run(args, env, io);
}
