/** Runs a program to its end. */
import { execFile } from 'node:child_process';

/** @param env the complete environment, except PATH */
export function runProgram(program: string, args: string[], env: Record<string, string>) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(program, args, { env: { PATH: process.env.PATH, ...env } }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}
