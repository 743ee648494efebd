/** Limits on open event streams, so that no caller takes the places of all others. */
import type { Right } from './contract.ts';

export interface StreamLimits {
  /** Streams of all callers with one right. */
  ofRight: number;
  /** Streams of the callers with one right at one address. */
  ofAddress: number;
}

const STREAM_LIMITS: StreamLimits = { ofRight: 100, ofAddress: 50 };

interface Held {
  address: string;
  end(): void;
}

export interface StreamPlaces {
  /**
   * Takes a place for a stream. If all places of this right are taken, the oldest stream of the address with the most
   * streams ends.
   *
   * @param end ends the stream
   * @returns the function that frees the place, or undefined if this address has too many streams
   */
  take(right: Right, address: string, end: () => void): (() => void) | undefined;
}

export function streamPlaces(limits: StreamLimits = STREAM_LIMITS): StreamPlaces {
  const held: Record<Right, Set<Held>> = { change: new Set(), look: new Set() };
  return {
    take: (right, address, end) => {
      const streams = held[right];
      const byAddress = Map.groupBy(streams, (stream) => stream.address);
      const own = byAddress.get(address)?.length ?? 0;
      if (own >= limits.ofAddress) return undefined;
      if (streams.size >= limits.ofRight) {
        const [most = []] = [...byAddress.values()].toSorted((a, b) => b.length - a.length);
        const [oldest] = most;
        if (!oldest || most.length <= own) return undefined;
        streams.delete(oldest);
        oldest.end();
      }
      const stream = { address, end };
      streams.add(stream);
      return () => streams.delete(stream);
    },
  };
}
