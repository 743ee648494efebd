/** Clicks that Slack sends over HTTP, signed. */
import { createHmac } from 'node:crypto';
import { parsedJson } from '@kora-wake/shared/wake/json';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Clicks } from '../clicks.ts';
import { ErrorAnswer } from '../contract.ts';
import { sameToken } from '../credentials.ts';
import { httpErrors } from '../errors.ts';
import { headerOf } from '../ingest/signatures.ts';

/** The route below checks its own credentials. */
export const SLACK_PATHS = ['/slack/interactions'];

/** A request whose timestamp differs by more may be a replay, seconds. */
const MAX_AGE_S = 300;

/** @param signingSecret undefined: the route refuses every request and says how to open it */
export const slackRoutes: FastifyPluginAsyncZod<{
  clicks: Clicks;
  signingSecret: string | undefined;
  now(): number;
}> = async (app, { clicks, signingSecret, now }) => {
  // The signature is made over the bytes as they were sent.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.post(
    '/slack/interactions',
    {
      schema: {
        summary: 'A click on a button of a message, from Slack',
        response: { 200: z.object({}).describe('received'), 401: ErrorAnswer, 403: ErrorAnswer },
      },
    },
    async (request) => {
      if (signingSecret === undefined) {
        throw httpErrors.forbidden(
          'Clicks over HTTP are off: set KORA_SLACK_SIGNING_SECRET to the signing secret of the Slack app.',
        );
      }
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const timestamp = headerOf(request.headers, 'x-slack-request-timestamp');
      const signature = headerOf(request.headers, 'x-slack-signature');
      const ageS = Math.abs(now() / 1_000 - Number(timestamp || Number.NaN));
      if (!(ageS <= MAX_AGE_S) || !sameToken(signature, signatureOf(signingSecret, timestamp, body))) {
        throw httpErrors.unauthorized(
          'The signature is missing, wrong, or older than five minutes: it must be made with KORA_SLACK_SIGNING_SECRET.',
        );
      }
      await clicks.handle(parsedJson(new URLSearchParams(body.toString()).get('payload') ?? ''));
      return {};
    },
  );
};

function signatureOf(secret: string, timestamp: string, body: Buffer): string {
  return `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest('hex')}`;
}
