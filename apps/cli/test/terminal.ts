/** Runs a command in this process, with a terminal that keeps the lines. */
import type { Env } from '../src/command.ts';
import { runCommandLine } from '../src/command-line.ts';

export async function runCommand(args: string[], env: Env = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const io = {
    out: (text: string) => void out.push(text),
    err: (text: string) => void err.push(text),
    onStop: () => undefined,
  };
  const code = await runCommandLine(args, env, io);
  return { code, out: out.join('\n'), err: err.join('\n') };
}
