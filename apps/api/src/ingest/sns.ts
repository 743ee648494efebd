/**
 * Messages of Amazon SNS: their signature, and the confirmation of a subscription. Only configured topics are accepted, and only
 * servers of SNS are asked, so nobody can make this process send requests elsewhere.
 */
import { createVerify, X509Certificate } from 'node:crypto';
import { lookup } from 'node:dns';
import { get } from 'node:https';
import type { LookupFunction } from 'node:net';
import { isJsonObject, type Json, type JsonObject } from '@kora-wake/shared/wake/json';
import { parseTimestamp } from '@kora-wake/shared/wake/wake';
import ipaddr from 'ipaddr.js';

/** Reads a web address, with a limit of size and time. Rejects for any answer but 200. */
export type ReadUrl = (url: URL) => Promise<string>;

/** By the version of the signature. */
const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['1', 'RSA-SHA1'],
  ['2', 'RSA-SHA256'],
]);
const HOST = /^sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$/;
const CERTIFICATE_PATH = /^\/SimpleNotificationService-[0-9a-f]+\.pem$/;
/** SNS repeats a message for some hours at most, ms. An older one is a replay. */
const MAX_AGE_MS = 24 * 3_600_000;
const MAX_CERTIFICATES = 20;

/** The reason why a message is refused, for its sender. */
export class SnsRefusal extends Error {
  override name = 'SnsRefusal';
}

export interface Sns {
  /**
   * Checks topic, time and signature.
   *
   * @throws SnsRefusal
   */
  verify(message: Json): Promise<JsonObject>;
  /** Asks SNS to begin the subscription of a verified message. @throws SnsRefusal, or an error of the network */
  confirm(message: JsonObject): Promise<void>;
}

/** @param now ms since the epoch */
export function sns(topicArns: readonly string[], readUrl: ReadUrl, now: () => number): Sns {
  const certificates = new Map<string, Promise<X509Certificate>>();

  function certificateAt(url: URL): Promise<X509Certificate> {
    const known = certificates.get(url.href);
    if (known) return known;
    if (certificates.size >= MAX_CERTIFICATES) certificates.clear();
    const reading = readUrl(url).then((pem) => new X509Certificate(pem));
    certificates.set(url.href, reading);
    // The next message tries again.
    reading.catch(() => certificates.delete(url.href));
    return reading;
  }

  return {
    verify: async (message) => {
      if (!isJsonObject(message)) throw new SnsRefusal('The body is not a message of SNS.');
      const text = (name: string) => (typeof message[name] === 'string' ? message[name] : '');
      if (!topicArns.includes(text('TopicArn'))) {
        throw new SnsRefusal('KORA_SNS_TOPIC_ARNS does not list the topic of this message (TopicArn).');
      }
      const sentAt = parseTimestamp(text('Timestamp'));
      if (sentAt === undefined || Math.abs(now() - sentAt) > MAX_AGE_MS) {
        throw new SnsRefusal('The message is older than a day, or its Timestamp cannot be read.');
      }
      const algorithm = ALGORITHMS.get(text('SignatureVersion'));
      const url = snsUrl(text('SigningCertURL'));
      if (!algorithm || !CERTIFICATE_PATH.test(url.pathname) || url.search !== '') {
        throw new SnsRefusal('The signature has an unknown version, or its certificate is not on a server of SNS.');
      }
      const certificate = await certificateAt(url).catch((error: unknown) => {
        throw new SnsRefusal('The certificate of the signature cannot be read.', { cause: error });
      });
      const isValid =
        now() >= Date.parse(certificate.validFrom) &&
        now() <= Date.parse(certificate.validTo) &&
        createVerify(algorithm).update(signedText(message)).verify(certificate.publicKey, text('Signature'), 'base64');
      if (!isValid) throw new SnsRefusal('The signature of this message is wrong.');
      return message;
    },
    confirm: async ({ SubscribeURL: url = '' }) => {
      await readUrl(snsUrl(typeof url === 'string' ? url : ''));
    },
  };
}

function snsUrl(text: string): URL {
  const url = URL.parse(text);
  const isSns = url?.protocol === 'https:' && url.port === '' && url.username === '' && HOST.test(url.hostname);
  if (!url || !isSns) throw new SnsRefusal('An address in the message is not on a server of SNS.');
  return url;
}

const SIGNED: Record<string, string[]> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
};

/** Name and value of each signed field, each with a newline. A missing subject is left out. */
function signedText(message: JsonObject): string {
  const names = SIGNED[message.Type === 'Notification' ? 'Notification' : 'SubscriptionConfirmation'] ?? [];
  return names.flatMap((name) => (typeof message[name] === 'string' ? [`${name}\n${message[name]}\n`] : [])).join('');
}

const READ_MS = 10_000;
const MAX_BYTES = 64 * 1024;

/** Reads an https address of a public server. It follows no redirect. */
export const readPublicUrl: ReadUrl = async (url) => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = get(url, { lookup: publicLookup, signal: AbortSignal.timeout(READ_MS), agent: false }, (response) => {
    if (response.statusCode !== 200) {
      response.destroy();
      reject(new Error(`HTTP ${response.statusCode}`));
      return;
    }
    let text = '';
    response.setEncoding('utf8').on('error', reject);
    response.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MAX_BYTES) request.destroy(new Error('the answer is too long'));
    });
    response.on('end', () => resolve(text));
  });
  request.on('error', reject);
  return promise;
};

/** Resolves a name, but only to public addresses. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) {
      callback(error, '');
      return;
    }
    const isPublic = addresses.every(({ address }) => ipaddr.process(address).range() === 'unicast');
    const [first] = addresses;
    if (!isPublic || !first) callback(new Error(`${hostname} is not on a public address`), '');
    else if (options.all) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};
