/** The text that `kora-wake start` prints when everything runs: addresses, rights, and the settings that are missing. */
import { type Config, isLoopback } from '@kora-wake/shared/runtime/config';
import { redactedUrl } from '@kora-wake/shared/runtime/redis-url';
import { openToOthers } from './privacy.ts';
import type { PrivateRedis } from './private-redis.ts';
import { passwordFile } from './redis-password.ts';
import { redisFolder } from './redis-settings.ts';

/**
 * @param url of Redis; its password is not shown
 * @param redis undefined if Redis is not the private one
 * @param seconds the start took
 */
export function banner(config: Config, url: string, redis: PrivateRedis | undefined, seconds: number): string {
  const { host, port, basePath } = config.api;
  const base = `http://${host.includes(':') ? `[${host}]` : host}:${port}${basePath}`;
  const { credential } = config.anthropic;
  const rows = [
    ['audit log', config.auditLogPath],
    ...privacyRows(config),
    ['redis', `${redactedUrl(url)}${redis ? `  (${redisOrigin(redis)}; data in ${redisFolder(config)})` : ''}`],
    ...(redis ? [['', redisAccess(redis, config)]] : []),
    ['console', port === 0 ? 'see "listening" above' : base],
    ...(port === 0 ? [] : [['', `${base}/#/setup checks the set-up and sends a test alert`]]),
    ['access', apiAccess(config)],
    [
      'AI',
      credential
        ? config.models.normal.model
        : 'not configured: alerts are sent without a diagnosis  (set ANTHROPIC_API_KEY)',
    ],
    ['slack', slackState(config)],
  ];
  return `
Kora Wake is ready (${seconds.toFixed(1)} s).

${rows.map(([name = '', value]) => `  ${name.padEnd(10)} ${value}`).join('\n')}

Write a first alert, in another terminal:

  npm run wake -- --probe fly --category service_unhealthy --severity critical --title "Fly app unreachable: HTTP 401"

Ctrl-C stops everything.
`;
}

/** Only operators know who else writes to a log or a folder that exists already, so its rights are shown and not changed. */
function privacyRows({ home, auditLogPath }: Config): string[][] {
  const open = [home, auditLogPath].filter((path) => path !== undefined && openToOthers(path));
  const remedies = open.map((path) => `chmod ${path === home ? 700 : 600} ${path}`);
  return open.length === 0 ? [] : [['', `other users can open it  (private: ${remedies.join('; ')})`]];
}

function redisOrigin({ adopted }: PrivateRedis): string {
  return adopted ? 'started by another process' : 'started here';
}

function redisAccess({ url }: PrivateRedis, config: Config): string {
  return new URL(url).password
    ? `password in ${passwordFile(redisFolder(config))}`
    : 'every user of this machine can change it: version 0.2 started it without a password  (stop that process)';
}

/** One line: who can use the API, and the variable that restricts it. */
function apiAccess({ api: { host, token, readToken } }: Config): string {
  const from = isLoopback(host) ? 'of this machine' : `who can reach ${host}`;
  if (!token) return `every user ${from} may use console and API, without a token  (set KORA_API_TOKEN to restrict it)`;
  const reading = readToken ? '; KORA_API_READ_TOKEN allows reading' : '';
  return `users ${from} need the token in KORA_API_TOKEN${reading}`;
}

function slackState({ slack: { botToken, operatorUserId } }: Config): string {
  if (!botToken) {
    return 'not configured: DMs are printed here  (set KORA_SLACK_BOT_TOKEN and KORA_SLACK_OPERATOR_USER_ID)';
  }
  return operatorUserId ? 'on' : 'no recipient: messages will fail  (set KORA_SLACK_OPERATOR_USER_ID)';
}
