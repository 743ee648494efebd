/** Faults of the audit log: rotation, truncation, incomplete lines. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterDecided, type Fault, withoutTailers } from './fault.ts';

export const LOG_FAULTS: Fault[] = [
  {
    numbers: [1],
    name: 'rename and create, writes to the old descriptor for 2 s',
    group: 'file',
    inject: ({ writer }) => writer.rename(2_000),
  },
  {
    numbers: [2],
    name: 'two renames between polls',
    group: 'file',
    inject: async ({ writer }) => {
      await writer.rename(0);
      writer.row();
      await writer.rename(0);
    },
  },
  {
    numbers: [3, 17],
    name: 'rotation while no tailer runs',
    group: 'file',
    inject: (world) => withoutTailers(world, () => world.writer.rename(0)),
  },
  { numbers: [4], name: 'copytruncate', group: 'file', inject: async ({ writer }) => writer.copytruncate() },
  {
    numbers: [5, 17],
    name: 'copytruncate while no tailer runs',
    group: 'file',
    inject: (world) => withoutTailers(world, async () => world.writer.copytruncate()),
  },
  {
    numbers: [6],
    name: 'truncated, and grown past the old size',
    group: 'file',
    inject: (world) => afterDecided(world, () => world.writer.truncate('past')),
  },
  {
    numbers: [7],
    name: 'truncated to the same size',
    group: 'file',
    inject: (world) => afterDecided(world, () => world.writer.truncate('same size')),
  },
  {
    numbers: [8, 10],
    name: 'deleted and created again',
    group: 'file',
    inject: (world) => afterDecided(world, () => world.writer.recreate()),
  },
  {
    numbers: [49],
    name: 'a link in the path of the log changed, writes to the old log for 2 s',
    group: 'file',
    // A second change before the tailer noticed the first one would hide the log in between.
    inject: async (world) => {
      await afterDecided(world, () => undefined);
      await world.writer.relink(2_000);
      await afterDecided(world, () => undefined);
    },
  },
  { numbers: [11], name: 'a line in two halves', group: 'file', inject: ({ writer }) => writer.halves(false) },
  {
    numbers: [11, 17],
    name: 'a line in two halves, and a restart between them',
    group: 'file',
    inject: (world) =>
      world.writer.halves(false, async () => {
        for (const tailer of world.tailers) tailer.signal('SIGKILL');
        await sleep(2_500);
      }),
  },
  {
    numbers: [12],
    name: 'a rename in the middle of a line',
    group: 'file',
    inject: ({ writer }) => writer.renameInRow(),
  },
  { numbers: [13], name: 'a line byte by byte', group: 'file', inject: ({ writer }) => writer.halves(true) },
  {
    numbers: [14],
    name: 'noise',
    group: 'file',
    inject: async ({ writer, chance }) => {
      for (let i = chance.between(2, 20); i > 0; i--) writer.noise();
    },
  },
  {
    numbers: [22],
    name: 'a backlog',
    group: 'file',
    inject: (world) =>
      withoutTailers(world, async () => {
        await sleep(25_000);
      }),
  },
];
