/** Bull Board over our two queues. It has no access rule of its own; the API's token covers it. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { Queue } from 'bullmq';

/** The plugin to register under `path`. */
export function board(queues: Queue[], path: string) {
  const server = new FastifyAdapter();
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue)),
    serverAdapter: server,
    options: { uiConfig: { boardTitle: 'Kora Wake' } },
  });
  server.setBasePath(path);
  return server.registerPlugin();
}
