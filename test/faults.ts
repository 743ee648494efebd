/**
 * The numbered faults, with the tests that inject each: file and a part of the test's name. The chaos runs of test/chaos
 * refer to the same numbers. test/faults.test.ts checks that the table is complete.
 */
interface Row {
  fault: string;
  tests: Array<[file: string, words: string]>;
}

const MODEL: [string, string] = ['apps/tailer/test/log/follower.model.test.ts', 'every row of every history'];
const FOLLOW = 'apps/tailer/test/log/follower.test.ts';
const TAILER = 'apps/tailer/test/tailer.test.ts';
const IDENTITY = 'apps/tailer/test/log/identity.test.ts';
const READ_LINE = 'apps/tailer/test/decide/read-line.test.ts';
const CREATE_LOG = 'packages/shared/test/runtime/audit-log.test.ts';
const WORKERS = 'apps/worker/test/workers.test.ts';
const DELIVERY = 'apps/worker/test/delivery/job.test.ts';
const EARLIER_POST = 'apps/worker/test/delivery/earlier-post.test.ts';
const ENGINE = 'apps/worker/test/investigation/model.test.ts';
const SLACK = 'apps/worker/test/delivery/slack.test.ts';
const TAILERS = 'test/field/tailer.field.test.ts';
const STOPPING = 'test/e2e/stopping.test.ts';
const OUTAGE = 'test/field/redis-outage.field.test.ts';
const START = 'test/e2e/start-errors.test.ts';
const TOPOLOGIES = 'test/field/cluster-and-sentinel.field.test.ts';
const CRASH = 'test/field/crash.field.test.ts';
const SILENCE = 'test/field/redis-silence.field.test.ts';
const FAIL_OVER = 'test/field/redis-fail-over.field.test.ts';
const READY = 'apps/api/test/readiness.test.ts';
const RIGHTS = 'test/field/redis-rights.field.test.ts';
const SILENT = 'test/field/silent-redis.field.test.ts';
const REFUSALS = 'apps/worker/test/investigation/refusals.test.ts';
const HOSTILE: [string, string] = [TAILER, 'survives every hostile line'];

export const FAULT_TABLE: Record<number, Row> = {
  1: {
    fault: 'rename and create, the writer keeps the old descriptor',
    tests: [MODEL, [FOLLOW, 'finishes a renamed file before the new one']],
  },
  2: { fault: 'two renames between polls', tests: [MODEL] },
  3: { fault: 'rotation while down', tests: [MODEL] },
  4: { fault: 'copytruncate live', tests: [MODEL, [FOLLOW, 'reads a truncated file again from its start']] },
  5: { fault: 'copytruncate while down', tests: [MODEL] },
  6: { fault: 'truncated, and grown past the old offset', tests: [MODEL] },
  7: { fault: 'truncated to the same size', tests: [MODEL] },
  8: { fault: 'an inode that is reused', tests: [MODEL, [FOLLOW, 'waits with a deleted file']] },
  9: { fault: 'the same first KiB after rotation', tests: [[FOLLOW, 'begins like the one before it']] },
  10: { fault: 'deleted and created again', tests: [MODEL, [FOLLOW, 'waits with a deleted file']] },
  11: {
    fault: 'a partial last line, completed later or after a restart',
    tests: [MODEL, [FOLLOW, 'waits for the rest of a half-written line']],
  },
  12: { fault: 'a partial line at rotation', tests: [MODEL] },
  13: { fault: 'UTF-8 byte by byte', tests: [[FOLLOW, 'agrees with reading every line, however the bytes arrive']] },
  14: { fault: 'lines that are not rows', tests: [HOSTILE, [FOLLOW, 'skips a line longer than 1 MiB']] },
  15: {
    fault: 'missing, empty or unreadable at start',
    tests: [
      [FOLLOW, 'reads a file that is created later'],
      [FOLLOW, 'rejects with the reason if a log cannot be read'],
      [START, 'cannot be read (it is not a regular file)'],
    ],
  },
  16: { fault: 'a symbolic link that is changed', tests: [[FOLLOW, 'follows a link to its new target']] },
  17: {
    fault: 'SIGKILL of a tailer after read, after add, before commit',
    tests: [
      ['test/field/rotation.field.test.ts', 'when a tailer is killed while it rotates the log'],
      [CRASH, 'a tailer killed around any message'],
      [TAILERS, 'killed between adding jobs and committing'],
    ],
  },
  18: { fault: 'SIGKILL within a batch', tests: [[TAILERS, 'killed between adding jobs and committing']] },
  19: {
    fault: 'two tailers',
    tests: [
      [TAILER, 'take turns'],
      [TAILER, 'never both commit'],
    ],
  },
  20: { fault: 'SIGSTOP past the lease, then resume', tests: [[TAILERS, 'that slept past its lease']] },
  21: {
    fault: 'checkpoint missing, corrupt or of another file',
    tests: [
      [TAILER, 'is logged as an error, and the log is followed from its end'],
      [TAILER, 'the one with the last position keeps the log'],
      [TAILER, 'of another file'],
    ],
  },
  22: { fault: 'a backlog of ten windows', tests: [[TAILER, 'resumes at its checkpoint']] },
  23: {
    fault: 'a reply lost after execution',
    tests: [
      [CRASH, 'a tailer killed around any message'],
      [TAILER, 'sent again because its answer was lost'],
    ],
  },
  24: {
    fault: 'Redis down at start, and for a long time',
    tests: [
      [OUTAGE, 'apps wait, log it, continue when Redis is back'],
      ['test/field/redis-down.field.test.ts', 'wait for Redis, then carry a wake'],
    ],
  },
  25: { fault: 'CLIENT KILL, CLIENT PAUSE', tests: [] },
  26: {
    fault: 'kill -9 and restart of Redis',
    tests: [[TOPOLOGIES, 'after the node with our keys was down']],
  },
  27: { fault: 'AOF cut at random', tests: [[EARLIER_POST, 'whose record Redis may have lost']] },
  28: {
    fault: 'FLUSHALL',
    tests: [
      [TAILER, 'after FLUSHALL is logged'],
      [TAILER, 'Redis is emptied and the other takes over'],
    ],
  },
  29: { fault: 'out of memory under noeviction', tests: [] },
  30: { fault: 'READONLY', tests: [[TOPOLOGIES, 'when Sentinels fail over']] },
  31: {
    fault: 'SIGKILL of a worker anywhere',
    tests: [
      [CRASH, 'a worker killed around any message'],
      [CRASH, 'is withdrawn once, whenever its worker is killed'],
      [CRASH, 'is sent once and never paid for, whenever its worker is killed'],
      [WORKERS, 'keeps its paid report, in the'],
    ],
  },
  32: { fault: 'killed three times on one job', tests: [[CRASH, 'killed three times around its post']] },
  33: { fault: 'an event loop blocked past the lock', tests: [] },
  34: { fault: 'SIGTERM during a post', tests: [[STOPPING, 'its DM is sent']] },
  35: {
    fault: '529, in a burst and for a long time',
    tests: [
      [ENGINE, 'gives up on lasting %s'],
      [ENGINE, "'529'"],
    ],
  },
  36: {
    fault: '429 with and without retry-after',
    tests: [
      [ENGINE, '429 that says when'],
      [ENGINE, 'does not wait for a Retry-After past'],
    ],
  },
  37: {
    fault: 'engine hangs or breaks off',
    tests: [
      [ENGINE, 'ends at its deadline if the server never answers'],
      [ENGINE, 'an answer cut short'],
    ],
  },
  38: {
    fault: 'malformed, refused, empty',
    tests: [
      [ENGINE, 'an answer of another shape'],
      [ENGINE, 'a refusal'],
      ['apps/worker/test/investigation/no-answer.test.ts', 'twice, %s: ends with the fallback'],
    ],
  },
  39: {
    fault: '400, 401',
    tests: [
      [REFUSALS, 'everything gets a request that every server understands'],
      [ENGINE, 'a wrong key'],
    ],
  },
  40: {
    fault: 'Slack’s 429 with, without and with a huge Retry-After',
    tests: [
      [SLACK, '429 with a Retry-After'],
      [SLACK, '429 without one'],
      [DELIVERY, 'waits as long as Slack asks'],
      [DELIVERY, 'at most a quarter of an hour'],
    ],
  },
  41: { fault: '500 before and after acceptance', tests: [[EARLIER_POST, 'is found there and not posted again']] },
  42: {
    fault: 'reset after acceptance',
    tests: [
      [EARLIER_POST, 'is found there and not posted again'],
      [EARLIER_POST, 'that may not be looked up'],
    ],
  },
  43: { fault: 'Slack hangs after acceptance', tests: [[CRASH, 'killed three times around its post']] },
  44: {
    fault: 'look-up lagging, limited or down',
    tests: [
      [EARLIER_POST, 'that may not be looked up'],
      [EARLIER_POST, 'waits until Slack’s history is current'],
    ],
  },
  45: { fault: 'permanent errors', tests: [[DELIVERY, 'that Slack rejects permanently is a recorded dead letter']] },
  46: { fault: 'token revoked, then restored', tests: [[DELIVERY, 'is held together with later ones']] },
  47: { fault: 'a clock jump of an hour either way', tests: [['test/field/clock.field.test.ts', 'set an hour %s']] },
  48: { fault: 'disk full', tests: [[WORKERS, 'whose audit row cannot be written']] },
  49: {
    fault: 'a link in the path of the log changed',
    tests: [
      [IDENTITY, 'may change while the log is followed'],
      [IDENTITY, 'may change while no tailer runs'],
      [IDENTITY, 'may point to an earlier target again'],
      [TAILER, 'that version 0.2 stored under the resolved path is taken over'],
    ],
  },
  50: {
    fault: 'device number, inode or birthtime of the log changed',
    tests: [
      [IDENTITY, 'does not make a log a new one'],
      [IDENTITY, 'does not make finished rotated files new ones'],
    ],
  },
  51: {
    fault: 'the log does not exist, or disappears while it is followed',
    tests: [
      [TAILER, 'is reported once, also if its folder is missing'],
      [TAILER, 'any more is reported, but not the gap of a rotation'],
    ],
  },
  52: {
    fault: 'NaN, holes of NUL bytes, torn and glued rows',
    tests: [
      [READ_LINE, 'with %s is read'],
      [READ_LINE, 'are each read, with their own bytes and offsets'],
      [READ_LINE, 'are read if one before them is torn at any byte'],
      [FOLLOW, 'reads the rows after a hole'],
      [TAILER, 'delivers alerts that are not quite JSON'],
    ],
  },
  53: {
    fault: 'the log created by us, with an owner that locks out the probes',
    tests: [
      [CREATE_LOG, 'has owner, group and mode of the newest rotated file'],
      [CREATE_LOG, 'that its owner must create keeps the rows until then'],
    ],
  },
  54: {
    fault: 'two hosts, one path, one Redis',
    tests: [
      [TAILER, 'that follows a different log under the same path is reported'],
      [TAILER, 'contains the name of the source'],
    ],
  },
  55: {
    fault: 'a probe’s clock an hour behind, a time without its zone',
    tests: [
      [TAILER, 'delivers a row that is appended now'],
      [EARLIER_POST, 'is not looked up if its row was appended after the data loss'],
    ],
  },
  56: {
    fault: 'connections to Redis that die silently',
    tests: [
      [SILENCE, 'gives up a connection that is silent %s'],
      [SILENCE, 'a blocking command on a copy of the connection continues'],
      [SILENT, 'apps give up silent connections, log it once and deliver later wakes'],
    ],
  },
  57: {
    fault: 'fail-over behind one address, READONLY on open connections',
    tests: [
      [FAIL_OVER, 'was refused by the old master, it writes to the new one'],
      [FAIL_OVER, 'that waits for a job waits on the new master'],
      [READY, 'whose Redis refuses writes is not ready'],
      ['test/field/fail-over.field.test.ts', 'apps follow a fail-over behind one address'],
    ],
  },
  58: {
    fault: 'rights missing in Redis',
    tests: [
      ['packages/shared/test/store/redis-rights.test.ts', 'is told this command and the rule to add'],
      [RIGHTS, 'an app without a needed right ends with one sentence that names it'],
      [RIGHTS, 'the whole path works'],
      [RIGHTS, 'a right that is taken away from a worker'],
    ],
  },
  59: {
    fault: 'Redis away while a worker starts',
    tests: [['test/field/bullmq-worker.field.test.ts', 'a worker that starts while Redis is down takes jobs']],
  },
  60: {
    fault: 'the API stops while event streams are open',
    tests: [
      [STOPPING, 'with open event streams and idle connections: it ends them'],
      [STOPPING, 'while a client sends a body slowly'],
    ],
  },
  61: {
    fault: 'a proxy’s page, 408 after acceptance, states of Slack that pass',
    tests: [
      [EARLIER_POST, 'is found there and not posted again'],
      [DELIVERY, 'during a migration of the workspace is retried'],
    ],
  },
  62: {
    fault: 'a look-up limited while others wait',
    tests: [
      [EARLIER_POST, 'waits alone, and continues at the page that it reached'],
      [EARLIER_POST, 'for long is sent after five minutes'],
    ],
  },
  63: {
    fault: 'refusals of a gateway, in the first and in later rounds',
    tests: [
      [REFUSALS, '%s still gives a diagnosis, and the next wake knows'],
      [REFUSALS, '%s are used as far as they work'],
      [REFUSALS, 'with %s is answered from the data so far'],
      ['test/e2e/investigator.test.ts', 'shows each request with fewer features'],
    ],
  },
  64: {
    fault: 'an MCP session that expired, cursors that do not advance',
    tests: [
      ['apps/worker/test/tools/mcp/session.test.ts', 'may expire again and again, once for each call'],
      ['apps/worker/test/tools/mcp/session.test.ts', 'is opened again for a new list of tools'],
      ['apps/worker/test/tools/mcp/listing.test.ts', 'of a server that ignores the cursor has each tool once'],
    ],
  },
  65: {
    fault: 'absurd usage',
    tests: [
      ['apps/worker/test/investigation/budget.test.ts', 'is charged the reservation if the reported usage exceeds it'],
    ],
  },
};
