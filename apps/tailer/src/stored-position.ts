/**
 * The JSON of a position in Redis. Its field names are those of version 0.2: `born` is the birthtime and `print` the
 * fingerprint. A commit compares the stored text byte for byte, so the order of the fields is fixed as well.
 */
import { z } from 'zod';
import type { Position } from './log/position.ts';

const storedFile = z.object({
  device: z.string(),
  inode: z.string(),
  born: z.string().regex(/^\d+$/),
  offset: z.number().int().min(0),
  print: z.string(),
});
const storedPosition = z.object({ files: z.array(storedFile), finished: z.array(z.string()) });

export function encodePosition({ files, finished }: Position): string {
  const stored: z.infer<typeof storedPosition> = {
    files: files.map(({ device, inode, birthtime, offset, fingerprint }) => ({
      device,
      inode,
      born: birthtime,
      offset,
      print: fingerprint,
    })),
    finished,
  };
  return JSON.stringify(stored);
}

/** Returns undefined if the text is not a position. */
export function decodePosition(stored: string): Position | undefined {
  try {
    const { files, finished } = storedPosition.parse(JSON.parse(stored));
    return {
      files: files.map(({ device, inode, born, offset, print }) => ({
        device,
        inode,
        birthtime: born,
        offset,
        fingerprint: print,
      })),
      finished,
    };
  } catch {
    return undefined;
  }
}
