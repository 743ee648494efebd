/**
 * A server process that never outlives the process that started it, even if that one is killed with SIGKILL.
 *
 * A shell guards the server: it holds the reading end of a pipe whose writing end only the owner has. When the owner ends,
 * for any reason, the operating system closes the pipe, and the guard terminates the server. The guard is the server's
 * parent, so the server's pid cannot be reused before the guard knows that the server ended.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { text } from 'node:stream/consumers';

/**
 * Terminates the server 2 s after the pipe closes, so that other children of the owner can end first, and kills it if it
 * still runs 5 s later. The guard ends with the server, with its exit code. Ignoring XFSZ makes a file size limit an error to the server, as a full disk is, instead of its end.
 */
const GUARD = `
trap '' XFSZ
exec 4<&0
"$@" </dev/null 3>&- 4<&- &
server=$!
echo "$server" >&3
exec 3>&-
{
  read -r line
  wait_for_end() { tries=0; while [ "$tries" -lt "$1" ] && kill -0 "$server"; do sleep 0.1; tries=$((tries + 1)); done; }
  wait_for_end 20
  kill -TERM "$server"
  wait_for_end 50
  kill -KILL "$server"
} <&4 >/dev/null 2>&1 &
watcher=$!
exec 4<&-
wait "$server"
status=$?
kill "$watcher"
exit "$status"
`;

export interface GuardedProcess {
  /** The guard. It ends when the server ends. Signal the server, never the guard. */
  guard: ChildProcess;
  /** Process id of the server. */
  pid: number;
}

/** Starts a server that does not keep this process alive, and that ends when this process ends. */
export async function startGuarded(command: string, args: string[]): Promise<GuardedProcess> {
  const guard = spawn('/bin/sh', ['-c', GUARD, 'kora-wake-guard', command, ...args], {
    stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
    // Its own process group: Ctrl-C in a terminal reaches only the owner, which stops the server last.
    detached: true,
  });
  const [, , , pidPipe] = guard.stdio;
  const pid = pidPipe instanceof Socket ? Number(await text(pidPipe)) : 0;
  guard.unref();
  for (const stream of [guard.stdin, guard.stdout]) if (stream instanceof Socket) stream.unref();
  return { guard, pid };
}
