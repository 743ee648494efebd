/** Messages of SNS: topic, time, signature, certificate, and the confirmation of a subscription. */
import { createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { authority } from '../../../../test/support/certificates.ts';
import { test } from '../../../../test/support/fixtures.ts';
import { readPublicUrl, sns } from '../../src/ingest/sns.ts';

const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:alarms';
const CERTIFICATE = 'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123abcd.pem';

function sending(folder: string, days = 10) {
  const { cert, key } = authority(folder).issue('sns', 'DNS:sns.amazonaws.com', days);
  const read: string[] = [];
  const verifier = sns(
    [TOPIC],
    async (url) => {
      read.push(url.href);
      return url.pathname.endsWith('.pem') ? readFileSync(cert, 'utf8') : 'confirmed';
    },
    Date.now,
  );
  const signed = (more: Record<string, string | undefined>, algorithm = 'RSA-SHA256') => {
    const message: Record<string, string | undefined> = {
      Type: 'Notification',
      MessageId: 'm-1',
      TopicArn: TOPIC,
      Message: '{"AlarmName":"disk"}',
      Timestamp: new Date().toISOString(),
      SignatureVersion: algorithm === 'RSA-SHA1' ? '1' : '2',
      SigningCertURL: CERTIFICATE,
      ...more,
    };
    const names =
      message.Type === 'Notification'
        ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
        : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
    const text = names.flatMap((name) => (message[name] === undefined ? [] : [`${name}\n${message[name]}\n`])).join('');
    const Signature = createSign(algorithm).update(text).sign(readFileSync(key), 'base64');
    return JSON.parse(JSON.stringify({ ...message, Signature }));
  };
  return { verifier, signed, read };
}

describe('a message of SNS', () => {
  test.for(['RSA-SHA1', 'RSA-SHA256'])(
    'with a signature by %s is accepted, and its certificate is read once',
    async (algorithm, { folder }) => {
      const { verifier, signed, read } = sending(folder);
      for (const more of [{}, { Subject: 'ALARM: disk' }]) {
        const message = signed(more, algorithm);
        expect(await verifier.verify(message)).toEqual(message);
      }
      expect(read).toEqual([CERTIFICATE]);
    },
  );

  test.for<[string, Record<string, string | undefined>, string]>([
    ['of another topic', { TopicArn: `${TOPIC}-2` }, 'KORA_SNS_TOPIC_ARNS'],
    ['of last week', { Timestamp: new Date(Date.now() - 7 * 86_400_000).toISOString() }, 'older than a day'],
    ['without a time', { Timestamp: undefined }, 'older than a day'],
    ['with an unknown signature', { SignatureVersion: '3' }, 'unknown version'],
    ['with a signature that is named as a property', { SignatureVersion: 'constructor' }, 'unknown version'],
    [
      'with a certificate elsewhere',
      { SigningCertURL: CERTIFICATE.replace('.com', '.com.evil.example') },
      'not on a server of SNS',
    ],
    [
      'with a certificate without TLS',
      { SigningCertURL: CERTIFICATE.replace('https', 'http') },
      'not on a server of SNS',
    ],
    [
      'with a certificate of a user',
      { SigningCertURL: CERTIFICATE.replace('https://', 'https://sns.evil.amazonaws.com@') },
      'not on a server of SNS',
    ],
    [
      'with a certificate on another port',
      { SigningCertURL: CERTIFICATE.replace('.com', '.com:8443') },
      'not on a server of SNS',
    ],
    [
      'with another file as certificate',
      { SigningCertURL: CERTIFICATE.replace('/Simple', '/x/Simple') },
      'not on a server of SNS',
    ],
    ['without a certificate', { SigningCertURL: undefined }, 'not on a server of SNS'],
  ])('%s is refused', async ([, more, reason], { folder }) => {
    const { verifier, signed, read } = sending(folder);
    await expect(verifier.verify(signed(more))).rejects.toThrow(reason);
    expect(read.filter((url) => !url.startsWith('https://sns.eu-central-1.amazonaws.com/'))).toEqual([]);
  });

  test('that was changed is refused', async ({ folder }) => {
    const { verifier, signed } = sending(folder);
    for (const change of [{ Message: '{}' }, { MessageId: 'm-2' }, { Subject: 'new' }, { Signature: 'AAAA' }]) {
      await expect(verifier.verify({ ...signed({}), ...change })).rejects.toThrow(
        'The signature of this message is wrong.',
      );
    }
    await expect(verifier.verify(null)).rejects.toThrow('not a message of SNS');
  });

  test('with an expired certificate is refused', async ({ folder }) => {
    const { verifier, signed } = sending(folder, -1);
    await expect(verifier.verify(signed({}))).rejects.toThrow('signature of this message is wrong');
  });

  test('that confirms a subscription is answered, but only on a server of SNS', async ({ folder }) => {
    const { verifier, signed, read } = sending(folder);
    const SubscribeURL = 'https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=t';
    const confirmation = { Type: 'SubscriptionConfirmation', Token: 't', SubscribeURL };
    await verifier.confirm(await verifier.verify(signed(confirmation)));
    expect(read.at(-1)).toBe(SubscribeURL);
    const elsewhere = await verifier.verify(signed({ ...confirmation, SubscribeURL: 'https://10.0.0.1/' }));
    await expect(verifier.confirm(elsewhere)).rejects.toThrow('not on a server of SNS');
  });
});

test.for(['https://localhost/', 'https://127.0.0.1.nip.invalid/'])(
  'a server that is not public is not asked: %s',
  async (url) => {
    await expect(readPublicUrl(new URL(url))).rejects.toThrow(/not on a public address|ENOTFOUND|EAI_AGAIN/);
  },
);
