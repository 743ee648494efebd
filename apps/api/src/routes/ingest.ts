/** Alerts of other tools. Each answer comes after the rows are durable in the audit log. */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type IngestRequest, type MapBody, MappingError } from '@kora-wake/shared/ingest/alert';
import type { ChoosePair } from '@kora-wake/shared/ingest/source';
import { EVENTS_V2, readEventV2, routingKeyOf } from '@kora-wake/shared/ingest/sources/events-v2';
import { mapWakes, WAKES } from '@kora-wake/shared/ingest/sources/wakes';
import { type Json, parsedJson } from '@kora-wake/shared/wake/json';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { EnqueueAnswer, EnqueueError, ErrorAnswer, IngestAnswer, IngestParams } from '../contract.ts';
import { httpErrors } from '../errors.ts';
import { type IngestAccess, ingestRefusal, type Refusal } from '../ingest/access.ts';
import { type Ingest, IngestUnavailable } from '../ingest/ingest.ts';
import { type Sns, SnsRefusal } from '../ingest/sns.ts';

/** Paths of the routes below. They check their own credentials. */
export const INGEST_PATHS = ['/v1/wakes', '/v1/ingest/:source', '/v2/enqueue'];

/** Bytes. */
const MAX_BODY_BYTES = 1024 * 1024;
const UNAVAILABLE = 503;
/** Statuses that Fastify answers before a route sees the body, and why. */
const UNREAD: ReadonlyMap<number, string> = new Map([
  [413, 'has more than 1 MiB'],
  [415, 'has a content type that cannot be read'],
]);
/** Seconds after which a sender should try again. */
const RETRY_AFTER_S = 5;
const CLOUDWATCH = 'cloudwatch';

/** Programs read these short answers: compression and the headers for browsers would only cost time. */
const MACHINE_ONLY = { compress: false, helmet: false } as const;

export interface Mappings {
  /** By the name of the source or the mapper. */
  sources: ReadonlyMap<string, MapBody>;
  /** Chooses the pair of an event of `/v2/enqueue`. */
  chooseForEvents: ChoosePair;
}

export interface IngestRoutes {
  ingest: Ingest;
  access: IngestAccess;
  /** Read for each request: the policy can change. */
  mappings(): Mappings;
  /** Undefined: no topic may send alarms. */
  sns: Sns | undefined;
}

export const ingestRoutes: FastifyPluginAsyncZod<IngestRoutes> = async (app, { ingest, access, mappings, sns }) => {
  // Signatures are made over the bytes as they were sent, and SNS sends JSON as text.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES }, (_request, body, done) =>
    done(null, body),
  );
  // A sender that has to try again must not take it for a fault of its request.
  app.addHook('onSend', async (request, reply) => {
    if (reply.statusCode === UNAVAILABLE) void reply.header('retry-after', RETRY_AFTER_S);
    const problem = UNREAD.get(reply.statusCode);
    if (problem !== undefined) countUnread(request, problem);
  });

  app.post(
    '/v1/wakes',
    {
      ...MACHINE_ONLY,
      schema: {
        summary: 'Send one alert or recovery, or a list of them',
        description: 'The body has the details of a row: see docs/sources.md.',
        response: { 202: IngestAnswer, 400: ErrorAnswer, 401: ErrorAnswer, 403: ErrorAnswer, 503: ErrorAnswer },
      },
    },
    async (request, reply) => {
      const body = bytesOf(request);
      assertAllowed(request, WAKES, body);
      return reply.code(202).send(await accept(request, WAKES, mapWakes, body));
    },
  );

  app.post(
    '/v1/ingest/:source',
    {
      ...MACHINE_ONLY,
      schema: {
        summary: 'Send the webhook of an alerting tool',
        description: 'The body is the one of the tool: see docs/sources.md.',
        params: IngestParams,
        response: {
          202: IngestAnswer,
          400: ErrorAnswer,
          401: ErrorAnswer,
          403: ErrorAnswer,
          404: ErrorAnswer,
          503: ErrorAnswer,
        },
      },
    },
    async (request, reply) => {
      const { source } = request.params;
      const body = bytesOf(request);
      const { sources } = mappings();
      const map = sources.get(source);
      if (source === CLOUDWATCH && map) return reply.code(202).send(await acceptSns(request, map, body));
      if (!map) {
        assertAllowed(request, '', body);
        throw httpErrors.notFound(
          `There is no source "${source.slice(0, 100)}". The sources are ${[...sources.keys()].join(', ')}.`,
        );
      }
      assertAllowed(request, source, body);
      return reply.code(202).send(await accept(request, source, map, body));
    },
  );

  app.post(
    '/v2/enqueue',
    {
      ...MACHINE_ONLY,
      schema: {
        summary: "Send an event as to PagerDuty's Events API v2",
        response: { 202: EnqueueAnswer, 400: EnqueueError, 401: EnqueueError, 403: EnqueueError, 503: EnqueueError },
      },
      errorHandler: (error, _request, reply) => {
        const isUnavailable = error instanceof IngestUnavailable;
        const status = isUnavailable ? UNAVAILABLE : (error.statusCode ?? 500);
        if (status >= 500 && !isUnavailable) throw error;
        void sendEnqueueError(reply, status, [error.message]);
      },
    },
    async (request, reply) => {
      const body = bytesOf(request);
      const json = jsonOf(body) ?? null;
      const refusal = ingestRefusal(access, request, EVENTS_V2, body, routingKeyOf(json));
      if (refusal) {
        ingest.count(EVENTS_V2, { refused: 1 });
        return sendEnqueueError(reply, refusal.status, [refusal.message]);
      }
      const event = readEventV2(json, randomUUID(), mappings().chooseForEvents);
      if (event.kind === 'invalid') {
        const message = event.errors.join('; ');
        ingest.count(EVENTS_V2, { unmapped: 1 }, { field: 'body', message, body });
        return sendEnqueueError(reply, 400, event.errors);
      }
      await acceptCounted(EVENTS_V2, () => event.mapped, NO_REQUEST);
      return reply.code(202).send({ status: 'success', message: 'Event processed', dedup_key: event.dedupKey });
    },
  );

  function assertAllowed(request: FastifyRequest, source: string, body: Buffer): void {
    const refusal = ingestRefusal(access, request, source, body);
    if (!refusal) return;
    if (source !== '') ingest.count(source, { refused: 1 });
    throw errorOf(refusal);
  }

  /** @throws an error with the status of its answer */
  async function accept(request: FastifyRequest, source: string, map: MapBody, body: Buffer, json?: Json) {
    try {
      const parsed = json === undefined ? jsonOf(body) : json;
      if (parsed === undefined) throw new MappingError('body', 'is not JSON');
      return await acceptCounted(source, map, { body: parsed, headers: plainHeaders(request.headers) });
    } catch (error) {
      if (error instanceof MappingError) {
        countUnmapped(source, error, body);
        throw httpErrors.badRequest(`${error.message}.`);
      }
      if (error instanceof IngestUnavailable) throw httpErrors.unavailable(error.message);
      throw error;
    }
  }

  /** @throws MappingError, IngestUnavailable */
  async function acceptCounted(source: string, map: MapBody, request: IngestRequest): Promise<IngestAnswer> {
    try {
      const accepted = await ingest.accept(source, map, request);
      ingest.count(source, accepted);
      return accepted;
    } catch (error) {
      if (error instanceof IngestUnavailable) ingest.count(source, { unavailable: 1 });
      throw error;
    }
  }

  async function acceptSns(request: FastifyRequest, map: MapBody, body: Buffer): Promise<IngestAnswer> {
    if (!sns) {
      ingest.count(CLOUDWATCH, { refused: 1 });
      throw httpErrors.forbidden(
        'CloudWatch alarms are off: set KORA_SNS_TOPIC_ARNS to the ARN of the SNS topic, then subscribe this address again.',
      );
    }
    try {
      const message = await sns.verify(jsonOf(body) ?? null);
      if (message.Type === 'Notification') return await accept(request, CLOUDWATCH, map, body, message);
      if (message.Type === 'SubscriptionConfirmation') await sns.confirm(message);
      ingest.count(CLOUDWATCH, { ignored: 1 });
      return { accepted: 0, recovered: 0, ignored: 1 };
    } catch (error) {
      if (!(error instanceof SnsRefusal)) throw error;
      ingest.count(CLOUDWATCH, { refused: 1 });
      throw httpErrors.forbidden(error.message);
    }
  }

  /** A tool does not send such a request again: without a count nobody would learn of its alerts. */
  function countUnread(request: FastifyRequest, problem: string): void {
    const source = sourceOf(request);
    if (source === undefined) return;
    // A stranger must not push kept faults out.
    const isAllowed = ingestRefusal(access, request, source, NO_BYTES) === undefined;
    const fault = { field: 'body', message: `body ${problem}`, body: NO_BYTES };
    ingest.count(source, { unmapped: 1 }, isAllowed ? fault : undefined);
  }

  function sourceOf({ params, routeOptions }: FastifyRequest): string | undefined {
    if (routeOptions.url === '/v1/wakes') return WAKES;
    if (routeOptions.url === '/v2/enqueue') return EVENTS_V2;
    const { data } = IngestParams.safeParse(params);
    return data && mappings().sources.has(data.source) ? data.source : undefined;
  }

  function countUnmapped(source: string, { field, message }: MappingError, body: Buffer): void {
    ingest.count(source, { unmapped: 1 }, { field, message, body });
  }
};

/** The event was mapped already. */
const NO_REQUEST = { body: null, headers: {} };
const NO_BYTES = Buffer.alloc(0);

function bytesOf({ body }: FastifyRequest): Buffer {
  return Buffer.isBuffer(body) ? body : NO_BYTES;
}

/** Some tools write a byte order mark first. Undefined if it is not JSON. */
function jsonOf(body: Buffer): Json | undefined {
  return parsedJson(body.toString().replace(/^\uFEFF/, ''));
}

function errorOf({ status, message }: Refusal): Error {
  return status === 401 ? httpErrors.unauthorized(message) : httpErrors.forbidden(message);
}

function sendEnqueueError(reply: FastifyReply, status: number, errors: string[]): FastifyReply {
  const message = status === 400 ? 'Event object is invalid' : (errors[0] ?? '');
  return reply.code(status).send({ status: status === 400 ? 'invalid event' : 'error', message, errors });
}

function plainHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}
