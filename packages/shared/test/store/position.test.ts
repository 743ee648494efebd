import { describe, expect, test } from 'vitest';
import { decodePosition, encodePosition } from '../../src/store/position.ts';

/** As version 0.2 stored it. */
const STORED =
  '{"files":[{"device":"2049","inode":"131","born":"1764000000000000001","offset":4096,"print":"0123456789abcdef"}],"finished":["2049-130-1763000000000000001"]}';

describe('the stored position', () => {
  test('of version 0.2 is read, and written again with the same bytes', () => {
    const position = decodePosition(STORED);
    expect(position).toEqual({
      files: [
        {
          device: '2049',
          inode: '131',
          birthtime: '1764000000000000001',
          offset: 4096,
          fingerprint: '0123456789abcdef',
          head: '',
          at: '',
        },
      ],
      finished: ['2049-130-1763000000000000001'],
      finishedUntil: '0',
      recent: [],
    });
    expect(position && encodePosition(position)).toBe(STORED);
  });

  test.each(['', '{"files":', '{"files":[{"offset":-1}]}', '[]', 'null'])('is not decoded from %j', (text) => {
    expect(decodePosition(text)).toBeUndefined();
  });
});
