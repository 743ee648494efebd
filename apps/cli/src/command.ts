/** How a command reads its arguments, explains itself, and ends: 0 success, 1 it ran and found a problem, 2 it could not run. */
import { type ParseArgsOptionDescriptor, parseArgs } from 'node:util';
import { errorCode, StartupError } from '@kora-wake/shared/runtime/errors';

export type Env = Record<string, string | undefined>;

/** The terminal, as far as commands use it. */
export interface Io {
  /** Writes a line to stdout. */
  out(text: string): void;
  /** Writes a line to stderr. */
  err(text: string): void;
  /** Calls `stop` at each signal that asks this process to end. Without it, such a signal ends the process. */
  onStop(stop: () => void): void;
}

export interface Command {
  /** @returns the exit code. Unexpected errors are thrown. */
  run(args: string[], env: Env, io: Io): Promise<number>;
}

interface Option extends ParseArgsOptionDescriptor {
  about: string;
  /** Name of its value in the help, such as `FILE`. Boolean options do not have one. */
  value?: string;
}

type Options = Record<string, Option>;

type Input<O extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: O; allowPositionals: true }>>;

interface Definition<O extends Options> {
  name: string;
  /** One line. */
  summary: string;
  /** Arguments of the shortest useful call, such as `--file FILE [options]`. */
  usage: string;
  /** Further lines of the help. */
  details?: string[];
  /** Largest number of positional arguments; 0 by default. */
  positionals?: number;
  options: O;
  run(input: Input<O>, env: Env, io: Io): Promise<number>;
}

/** The command was called in a wrong way. The message is one sentence. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export function defineCommand<const O extends Options>(definition: Definition<O>): Command {
  const { name, options, positionals = 0 } = definition;
  async function run(args: string[], env: Env, io: Io): Promise<number> {
    if (asksForHelp(args)) {
      io.out(help(definition, env));
      return 0;
    }
    try {
      const input = parseArgs<{ args: string[]; options: O; allowPositionals: true }>({
        args,
        options,
        allowPositionals: true,
      });
      const extra = input.positionals[positionals];
      if (extra !== undefined) throw new UsageError(`unexpected argument '${extra}'.`);
      return await definition.run(input, env, io);
    } catch (error) {
      if (isUsageError(error)) {
        io.err(`kora-wake ${name}: ${firstSentence(error.message)}\n${usageLine(definition, env)}`);
        return 2;
      }
      if (!(error instanceof StartupError)) throw error;
      io.err(`kora-wake ${name}: ${error.message}`);
      return 2;
    }
  }
  return { run };
}

/** True if `--help` or `-h` is among the arguments before `--`. */
export function asksForHelp(args: string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).some((arg) => arg === '--help' || arg === '-h');
}

/** @throws UsageError if the text is not a number of at least `min`, or not a whole one if it must be */
export function readNumber(option: string, text: string, { min = 0, whole = false } = {}): number {
  const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (!(number >= min) || (whole && !Number.isInteger(number))) {
    throw new UsageError(`--${option}: expected a ${whole ? 'whole ' : ''}number of at least ${min}.`);
  }
  return number;
}

function isUsageError(error: unknown): error is Error {
  return error instanceof UsageError || Boolean(errorCode(error)?.startsWith('ERR_PARSE_ARGS'));
}

/** Node appends hints about `--`, which do not help here. */
function firstSentence(message: string): string {
  const [first = ''] = message.split(/\.?\n|(?<=\.) (?=[A-Z])/);
  return first.endsWith('.') ? first : `${first}.`;
}

function usageLine({ name, usage }: { name: string; usage: string }, env: Env): string {
  // npm names the script that it runs: then the reader called `npm run`, not `kora-wake`.
  const isNpm = env.npm_lifecycle_event === name;
  const call = isNpm ? `npm run ${name}${usage ? ' --' : ''}` : `kora-wake ${name}`;
  return `Usage: ${[call, usage].filter(Boolean).join(' ')}   (--help explains it)`;
}

function help(definition: Definition<Options>, env: Env): string {
  const { summary, details = [], options } = definition;
  const rows = Object.entries(options).map(([name, { value, about, default: usual }]) => [
    `--${name}${value ? ` ${value}` : ''}`,
    `${about}${usual === undefined || usual === false ? '' : ` (default: ${String(usual)})`}`,
  ]);
  const table = columns([...rows, ['-h, --help', 'show this help']]);
  return [
    summary,
    '',
    usageLine(definition, env).replace(/ {3}\(.*/, ''),
    '',
    ...details,
    ...(details.length ? [''] : []),
    'Options:',
    ...table,
  ].join('\n');
}

/** Lines of two columns, indented. */
export function columns(rows: string[][]): string[] {
  const width = Math.max(...rows.map(([first = '']) => first.length));
  return rows.map(([first = '', second = '']) => `  ${first.padEnd(width)}  ${second}`.trimEnd());
}
