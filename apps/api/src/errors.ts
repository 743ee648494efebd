/** Errors with an HTTP status, and the one function that answers them. */
import { STATUS_CODES } from 'node:http';
import { errorFields } from '@kora-wake/shared/runtime/log';
import { logEvent } from '@kora-wake/shared/runtime/log-events';
import { describeFault, isForbidden, isRedisAway } from '@kora-wake/shared/runtime/redis-fault';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorAnswer } from './contract.ts';

/** An error whose message is meant for the caller. */
class HttpError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

const withStatus = (statusCode: number) => (message: string) => new HttpError(statusCode, message);

/** Errors to throw in a route or a hook. The message is a sentence for the caller. */
export const httpErrors = {
  badRequest: withStatus(400),
  unauthorized: withStatus(401),
  forbidden: withStatus(403),
  notFound: withStatus(404),
  conflict: withStatus(409),
  tooManyRequests: withStatus(429),
  unavailable: withStatus(503),
};

const NO_SUCH_JOB = 'There is no such job.';
const NO_SUCH_PATH = 'There is no such path.';
const REDIS_DOWN = 'Redis does not answer; try again.';
const FORBIDDEN = 'Redis refuses a command to the user of this API; see its log.';
const INTERNAL = 'Internal error; see the log of the API.';

export interface ErrorAnswers {
  /** Answers an error in the shape of the contract. Details of internal errors go to the log only. */
  answer(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply;
  /** Call it after each answer: it ends an outage of Redis. */
  answered(request: FastifyRequest, reply: FastifyReply): void;
}

/**
 * An outage of Redis fails every request of every open console, but is logged once.
 *
 * @param isConnected false if the connection to Redis is lost, which its own log line reports
 */
export function errorAnswers(isConnected: () => boolean): ErrorAnswers {
  /** Routes that failed since the outage began. */
  const failing = new Set<string>();

  function redisAway(error: FastifyError, request: FastifyRequest): void {
    const isFirst = failing.size === 0 && isConnected();
    failing.add(nameOf(request));
    if (isFirst) logEvent(request.log, 'api.redis_failing', { route: nameOf(request), ...errorFields(error) });
  }

  return {
    answered: (request, reply) => {
      if (reply.statusCode < 400 && failing.has(nameOf(request))) failing.clear();
    },
    answer: (error, request, reply) => {
      if (error instanceof HttpError) return send(reply, error.statusCode, error.message);
      // The name in the path is not a job, but another key of BullMQ beside the jobs.
      if (error.message.startsWith('WRONGTYPE')) return send(reply, 404, NO_SUCH_JOB);
      if (isRedisAway(error)) {
        redisAway(error, request);
        return send(reply, 503, REDIS_DOWN);
      }
      const isRefused = isForbidden(error);
      const statusCode = isRefused ? 503 : (error.statusCode ?? 500);
      if (statusCode < 500) return send(reply, statusCode, error.message);
      const { method, routeOptions } = request;
      logEvent(request.log, 'api.request_failed', { method, route: routeOptions.url, ...errorFields(error) });
      return send(reply, statusCode, isRefused ? FORBIDDEN : INTERNAL);
    },
  };
}

/** Answers a request for a path that does not exist. @param basePath is named, because a proxy may have removed it */
export function answerUnknownPath(basePath: string) {
  return (_request: FastifyRequest, reply: FastifyReply): FastifyReply =>
    send(reply, 404, basePath === '' ? NO_SUCH_PATH : `${NO_SUCH_PATH} Everything is under ${basePath}/.`);
}

/** Why Redis refused a command, as a predicate for the subject "Redis"; undefined if it did not answer. */
export function refusalOf(error: unknown): string | undefined {
  return error instanceof Error && error.name === 'ReplyError' ? describeFault(error).reason : undefined;
}

const nameOf = ({ method, routeOptions }: FastifyRequest) => `${method} ${routeOptions.url ?? ''}`;

function send(reply: FastifyReply, statusCode: number, message: string): FastifyReply {
  const answer: ErrorAnswer = { statusCode, error: STATUS_CODES[statusCode] ?? 'Error', message };
  return reply.code(statusCode).send(answer);
}
