/** The Redis server program: found on PATH, or installed if that needs no password. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { StartupError } from '@kora-wake/shared/runtime/errors';

const SERVERS = ['redis-server', 'valkey-server'];

const HOW_TO_INSTALL = `Install one, or set REDIS_URL to a running one:
  Debian, Ubuntu   sudo apt-get install redis-server
  macOS            brew install redis
  Docker           docker run -d -p 6379:6379 valkey/valkey:8   and   REDIS_URL=redis://127.0.0.1:6379`;

/**
 * Name of a server program on PATH. If there is no such program, it is installed first, if that needs no password.
 *
 * @throws StartupError that says how to install one
 */
export function redisServer(): string {
  return findServer() ?? installServer();
}

function findServer(): string | undefined {
  return SERVERS.find(isOnPath);
}

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

function installServer(): string {
  if (isOnPath('apt-get') && process.getuid?.() === 0) {
    console.error('No Redis found; installing redis-server with apt (once) …');
    // The run level keeps the package from starting its own server.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env });
    try {
      execFileSync('apt-get', ['install', '-y', '-qq', 'redis-server'], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env,
      });
    } catch {
      throw new StartupError(`apt could not install redis-server; see its message above.\n${HOW_TO_INSTALL}`);
    }
    const installed = findServer();
    if (installed) return installed;
  }
  throw new StartupError(`there is no redis-server or valkey-server on PATH.\n${HOW_TO_INSTALL}`);
}
