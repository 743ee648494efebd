/** The shape of a fault, and steps that several faults share. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../world.ts';

/** A fault removes its cause before it ends. The apps must recover from the effects by themselves. */
export interface Fault {
  /** Its numbers in test/faults.ts. */
  numbers: number[];
  name: string;
  /** Two faults of one group never run at once. A fault of the group `alone` runs without any other. */
  group: 'file' | 'rest' | 'alone';
  inject(world: World): Promise<void>;
}

/** Limit of the wait until the tailers have decided all rows, ms. */
export const CAUGHT_UP_MS = 180_000;

/** Runs `meanwhile` between two rows while no tailer runs. */
export async function withoutTailers({ tailers, writer }: World, meanwhile: () => Promise<void>): Promise<void> {
  await Promise.all(tailers.map((tailer) => tailer.end('SIGKILL')));
  writer.row();
  await meanwhile();
  writer.row();
  for (const tailer of tailers) tailer.start();
}

/** Destroys bytes on disk, but only after their rows were decided: only rows that are still on disk are guaranteed. */
export async function afterDecided(world: World, destroy: () => void): Promise<void> {
  const { writer } = world;
  writer.busy = true;
  try {
    if (!(await world.caughtUp(CAUGHT_UP_MS))) return;
    // Redis must not lose these decisions either.
    world.aofFloor = world.appendOnlyFile().size;
    destroy();
  } finally {
    writer.busy = false;
  }
}

/** Waits until a tailer follows the log: the last fault may have killed both. */
export async function untilFollowing(world: World): Promise<void> {
  world.writer.row();
  if (!(await world.caughtUp(CAUGHT_UP_MS))) throw new Error('the tailers did not catch up');
}

/** Waits for a condition, but not longer than `ms`. */
export async function until(holds: () => boolean, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (!holds() && performance.now() < end) await sleep(100);
}
