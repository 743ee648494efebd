/** Errors of Redis: their kinds, and their words for a person, which are the reason and the remedy. */
import { errorCode, errorReason } from './errors.ts';

export interface Fault {
  /** A predicate for the subject "Redis at …". */
  reason: string;
  /** One sentence: the next step of the operator. */
  remedy: string;
  /** False if only a person can correct it. */
  mayPass: boolean;
}

/** The error of a connection that leads to a replica, which accepts no writes. */
export class ReadOnlyReplica extends Error {
  override name = 'ReadOnlyReplica';

  constructor() {
    super('READONLY replica');
  }
}

/** The error of a connection that stayed open and carried no answer. */
export class SilentConnection extends Error {
  override name = 'SilentConnection';

  /** @param seconds without a byte from Redis, although an answer was due */
  constructor(seconds: number) {
    super(`no answer for ${seconds} s`);
  }
}

/** The message of an attempt that ended because no node, master or Sentinel could be used. */
export const NOT_READY = 'is not ready';

const START = 'Start it, or set REDIS_URL to one that runs.';
const RIGHTS = 'docs/redis.md lists all rights.';
/** Replies of a Redis that accepts no writes for now. */
const REFUSES_WRITES = 'OOM|MISCONF|NOREPLICAS|MASTERDOWN|CLUSTERDOWN';
const UNAVAILABLE = new RegExp(
  `isn't writeable|isn't ready|Connection is closed|aborted due to connection close|max retries per request|Command timed out|Cluster redirections|startup nodes|All sentinels|^ReplyError: (?:${REFUSES_WRITES}|LOADING|TRYAGAIN)`,
);
const NO_NODE = /All sentinels|startup nodes|slots cache|is not ready/;
/** Codes of OpenSSL for a chain that does not end at an authority that Node trusts. */
const UNTRUSTED =
  /^(?:UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_UNTRUSTED|INVALID_CA)$/;

const permanent = (reason: string, remedy: string): Fault => ({ reason, remedy, mayPass: false });
const passing = (reason: string, remedy = START): Fault => ({ reason, remedy, mayPass: true });

/** A connection that ended without an error. */
export const CLOSED: Fault = passing('closed the connection');

/** Describes an error of a connection attempt or of an open connection. */
export function describeFault(error: unknown): Fault {
  const code = errorCode(error) ?? '';
  const message = fullMessage(error);
  return (
    certificateFault(code, error) ??
    refusal(message) ??
    protocolFault(code, message) ??
    unavailability(code, message, error)
  );
}

/** True if a command failed because Redis was unreachable, silent or not ready; false if the command itself was wrong. */
export function isRedisAway(error: unknown): boolean {
  return UNAVAILABLE.test(String(error)) || (error instanceof Error && becameReplica(error));
}

/** True if a write was refused because this Redis is a replica now. Before Redis 7, an error of a script has that in its text. */
export function becameReplica(error: Error): boolean {
  return /^(?:READONLY|UNBLOCKED) |-READONLY /.test(error.message);
}

/** True if Redis refused a command, or a command of a script, because the user lacks the right or the command was renamed. */
export function isForbidden(error: unknown): boolean {
  return /^(?:(?:EXECABORT .*)?NOPERM|ERR unknown command|ERR The user executing the script can't)/.test(
    fullMessage(error),
  );
}

function certificateFault(code: string, error: unknown): Fault | undefined {
  if (code === 'CERT_HAS_EXPIRED') return permanent('has a certificate that has expired', 'Renew it.');
  if (code === 'CERT_NOT_YET_VALID') {
    return permanent('has a certificate that is not valid yet', 'Check the clocks of both machines.');
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return permanent(
      `has a certificate for other names (${certificateNames(error)})`,
      'Use one of these names in REDIS_URL, or add the missing name to the certificate.',
    );
  }
  if (UNTRUSTED.test(code)) {
    return permanent(
      'has a certificate that is not trusted',
      'Set NODE_EXTRA_CA_CERTS to a file with the certificate of its authority.',
    );
  }
  if (/CERTIFICATE_REQUIRED/.test(code)) {
    return permanent('requires a client certificate', 'Set tls-auth-clients no in Redis; use a password instead.');
  }
  if (code.startsWith('CERT_')) return permanent(`has a certificate that is not accepted (${code})`, 'Replace it.');
  return undefined;
}

/** The names in the certificate of a TLS error, for example `DNS:redis.example`. */
function certificateNames(error: unknown): string {
  const cert: unknown = error instanceof Error && 'cert' in error ? error.cert : undefined;
  const names = typeof cert === 'object' && cert !== null && 'subjectaltname' in cert ? cert.subjectaltname : undefined;
  return typeof names === 'string' && names !== '' ? names : 'it names no host';
}

function refusal(message: string): Fault | undefined {
  if (/^All sentinels.*(?:WRONGPASS|NOAUTH)/.test(message)) {
    return permanent(
      'has Sentinels that require a user or password of their own',
      'Add ?sentinelUsername=…&sentinelPassword=… to REDIS_URL, or correct them.',
    );
  }
  if (message.includes('WRONGPASS')) {
    return permanent('refuses the credentials in REDIS_URL', 'Correct the user name and password there.');
  }
  if (message.includes('NOAUTH')) {
    return permanent('requires a password', 'Add the user name and password to REDIS_URL.');
  }
  if (message.includes('NOPERM')) {
    const command = /'([\w|-]+)'/.exec(message)?.[1];
    return command === undefined
      ? permanent(`does not give its user a right that is needed (${message})`, RIGHTS)
      : permanent(
          `does not let its user run ${command.toUpperCase().replace('|', ' ')}`,
          `Add +${command} to the ACL of this user; ${RIGHTS}`,
        );
  }
  if (/DB index/.test(message)) {
    return permanent('has no such database', 'Correct the number of the database in REDIS_URL.');
  }
  return undefined;
}

function protocolFault(code: string, message: string): Fault | undefined {
  if (!/RESP type|Protocol error|EPROTO|ERR_SSL/.test(`${code} ${message}`)) return undefined;
  return permanent(
    `does not speak the protocol of REDIS_URL (${message})`,
    'Use rediss:// for TLS and redis:// without TLS, and check the port.',
  );
}

function unavailability(code: string, message: string, error: unknown): Fault {
  if (error instanceof ReadOnlyReplica || /READONLY/.test(message)) return passing('is a read-only replica');
  if (error instanceof SilentConnection) return passing(`does not answer (${message})`);
  const refusesWrites = new RegExp(`^(?:${REFUSES_WRITES})\\b`).exec(message)?.[0];
  if (refusesWrites) return passing(`refuses writes (${refusesWrites})`, 'Correct its configuration or its state.');
  if (/LOADING/.test(message)) return passing('still loads its data', 'Wait until it has loaded them.');
  if (NO_NODE.test(message)) return passing('has no node that is ready');
  if (code === 'ECONNREFUSED') return passing('refuses the connection');
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return passing('cannot be found (no such host)');
  if (/ETIMEDOUT|timed out/i.test(`${code} ${message}`)) return passing('does not answer');
  return passing(`cannot be used (${errorReason(error)})`);
}

/** The message, and for a cluster also the error of the node that was asked last. */
function fullMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const node = 'lastNodeError' in error ? error.lastNodeError : undefined;
  return node instanceof Error ? `${error.message} ${node.message}` : error.message;
}
