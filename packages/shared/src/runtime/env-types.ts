/** Schemas for the text of environment variables. No message shows the value, because it may be a credential. */
import { z } from 'zod';
import { isFastOnHostileText } from './pattern-trial.ts';
import { readRedisUrl } from './redis-url.ts';

const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** A model, with an effort if the operator asked for one. */
export interface ModelChoice {
  model: string;
  effort?: (typeof EFFORTS)[number];
}

/**
 * A number within bounds. It is stricter than `Number`, which accepts '' and '0x10'.
 *
 * @param rule `above`: `min` itself is not allowed
 */
export function number(rule: { min: number; max: number; integer?: boolean; above?: boolean }) {
  const kind = rule.integer ? 'a whole number' : 'a number';
  const message = `must be ${kind} ${rule.above ? 'above' : 'of at least'} ${rule.min} and at most ${rule.max}`;
  return z
    .string()
    .regex(rule.integer ? /^\d+$/ : /^\d+(\.\d+)?$/, message)
    .transform(Number)
    .refine((n) => n <= rule.max && (rule.above ? n > rule.min : n >= rule.min), message);
}

export const boolean = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['true', '1', 'yes', 'on', 'false', '0', 'no', 'off'], 'must be true or false'))
  .transform((word) => ['true', '1', 'yes', 'on'].includes(word));

export const text = z.string();

/** Parts of a path that a shell or another program would replace. We take a path as it is, so they are mistakes. */
const NOT_A_PATH: Array<[RegExp, string]> = [
  [/^["'`]|["'`]$/, 'must be a path without quotes: no shell removes them here'],
  [/\$/, 'must be a path without $: variables are not expanded here'],
  [/^[a-z][a-z\d+.-]+:\/\//i, 'must be a path, not a URL'],
  [/^~[^/]/, 'must be a path that begins with ~/ or with /: the home of another user is not expanded'],
  [/[*?[\]{}]/, 'must be one path, not a pattern'],
  [/[,;:\s]\s*(?:[/~]|\.\.?\/)/, 'must be one path, not a list'],
  // oxlint-disable-next-line no-control-regex -- such a path is a mistake
  [/[\u0000-\u001F]/, 'must be a path without control characters'],
];

/** A path of one file or folder; a leading `~/` is expanded later. */
export const path = z.string().superRefine((value, context) => {
  const mistake = NOT_A_PATH.find(([pattern]) => pattern.test(value));
  if (mistake) context.addIssue({ code: 'custom', message: mistake[1] });
});

/** @param meaning ends the error message, for example 'a token' */
export const word = (meaning: string) => z.string().regex(/^[\x21-\x7e]+$/, `must be ${meaning}, without spaces`);

export const port = number({ min: 0, max: 65_535, integer: true });

/** The path under which a reverse proxy serves the API, without a slash at the end; '' for `/`. */
export const basePath = z
  .string()
  .regex(
    /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)*\/?$/,
    'must be a path such as /kora: a slash before each part, and letters, digits, ".", "_", "~" or "-" in it',
  )
  .transform((path) => path.replace(/\/$/, ''));

export const slackId = z.string().regex(/^[UWCDG][A-Z0-9]{2,}$/, 'must be a Slack id such as U024BE7LH');

/** Comma-separated ARNs of SNS topics. */
export const topicArns = z
  .string()
  .transform((value) =>
    value
      .split(',')
      .map((arn) => arn.trim())
      .filter((arn) => arn !== ''),
  )
  .refine(
    (arns) =>
      arns.length > 0 && arns.every((arn) => /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}$/.test(arn)),
    'must be ARNs of SNS topics such as arn:aws:sns:eu-central-1:123456789012:alarms, comma-separated',
  );

export const httpUrl = z
  .string()
  .refine(
    (value) => URL.canParse(value) && ['http:', 'https:'].includes(new URL(value).protocol),
    'must be a URL that begins with http:// or https://',
  );

/** The SDK appends `/v1/messages` to it. */
export const messagesApiUrl = httpUrl.refine(
  (value) => !/\/(?:v1|messages)\/*$/.test(URL.parse(value)?.pathname ?? ''),
  'must be a URL without /v1 or /messages at its end: the worker appends /v1/messages itself',
);
/** Longer addresses would leave no room for the message that contains one; characters. */
const MAX_CONSOLE_URL = 300;

/** The address of the console, without a slash at the end. It is part of DMs, so it must not contain a password. */
export const consoleUrl = httpUrl
  .refine(
    (value) => !/[#?@]/.test(value) && value.length <= MAX_CONSOLE_URL,
    `must be an address without user, query and "#", of at most ${MAX_CONSOLE_URL} characters`,
  )
  .transform((value) => value.replace(/\/+$/, ''));

/** Some programs accept a proxy without `http://` in front. */
export const proxyUrl = z
  .string()
  .transform((value) => (value.includes('://') ? value : `http://${value}`))
  .refine(isProxyUrl, 'must be http:// or https://user:password@host:port, percent-encoded if needed');

function isProxyUrl(value: string): boolean {
  const url = URL.parse(value);
  try {
    for (const part of [url?.username, url?.password]) decodeURIComponent(part ?? '');
  } catch {
    return false;
  }
  return url?.protocol === 'http:' || url?.protocol === 'https:';
}

export const redisUrl = z
  .string()
  .refine(
    isRedisUrl,
    'must be redis:// or rediss://user:password@host:port/db, redis-sentinel://host:port,host:port/db#name or redis-cluster://host:port,host:port, percent-encoded if needed',
  );

export function isRedisUrl(value: string): boolean {
  try {
    readRedisUrl(value);
    return true;
  } catch {
    return false;
  }
}

export const logLevel = z.string().toLowerCase().pipe(z.enum(LOG_LEVELS, 'must be a pino level such as info or debug'));

/** `model` or `model:effort`. */
export const model = z.string().transform((value, context): ModelChoice => {
  const match = /^(?<model>\S*?[^\s:])(?::(?<effort>[a-z]+))?$/.exec(value);
  const effort = EFFORTS.find((known) => known === match?.groups?.effort);
  if (match?.groups?.model && effort) return { model: match.groups.model, effort };
  // Names of local models may contain colons (`qwen3:8b`). Names of Anthropic's models do not.
  if (!match || (value.startsWith('claude') && value.includes(':'))) {
    context.addIssue({
      code: 'custom',
      message: `must be a model or model:effort, effort one of ${EFFORTS.join(', ')}`,
    });
    return z.NEVER;
  }
  return { model: value };
});

/** A price in USD for a million tokens. */
export interface ModelPrice {
  inputUsd: number;
  outputUsd: number;
}

const PRICE = /^\s*(?<model>[^\s=]+)\s*=\s*(?<input>\d+(?:\.\d+)?)\s*\/\s*(?<output>\d+(?:\.\d+)?)\s*$/;

/** Pairs `model=input/output`, separated by commas. */
export const modelPrices = z.string().transform((value, context): Record<string, ModelPrice> => {
  const found = value.split(',').map((pair) => PRICE.exec(pair)?.groups);
  if (found.every((groups) => groups !== undefined)) {
    return Object.fromEntries(
      found.map(({ model = '', input, output }) => [model, { inputUsd: Number(input), outputUsd: Number(output) }]),
    );
  }
  context.addIssue({
    code: 'custom',
    message: 'must be model=input/output pairs separated by commas, in USD per million tokens',
  });
  return z.NEVER;
});

/**
 * Regular expressions, separated by blanks. An expression that matches the empty string, or that is slow on hostile text, is an
 * error.
 */
export const patterns = z.string().transform((value, context): RegExp[] =>
  value.split(/\s+/).flatMap((source, i) => {
    const fault = (message: string) => {
      context.addIssue({ code: 'custom', message: message.replace('#', `${i + 1}.`) });
      return [];
    };
    const pattern = nonEmptyPattern(source);
    if (!pattern) return fault('must be regular expressions separated by blanks that match something, the # is not');
    if (isFastOnHostileText(pattern)) return [pattern];
    return fault(
      'must be regular expressions that are fast on every text, the # is not: limit its repetitions, for example {1,100}',
    );
  }),
);

function nonEmptyPattern(source: string): RegExp | undefined {
  try {
    const pattern = new RegExp(source, 'g');
    return pattern.test('') ? undefined : pattern;
  } catch {
    return undefined;
  }
}

/** Pairs in the format of OpenTelemetry: `name=value,name=value`, percent-encoded. */
export const headers = z.string().transform((value, context): Record<string, string> => {
  try {
    const pairs = value.split(',').map((pair) => /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? []);
    if (pairs.every(([pair]) => pair !== undefined)) {
      return Object.fromEntries(pairs.map(([, name = '', encoded = '']) => [name, decodeURIComponent(encoded)]));
    }
  } catch {
    // Wrong percent-encoding: reported below.
  }
  context.addIssue({ code: 'custom', message: 'must be name=value pairs separated by commas, percent-encoded' });
  return z.NEVER;
});
