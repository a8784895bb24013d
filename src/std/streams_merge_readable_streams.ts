/**
 * Merges streams into one; chunks come in order of arrival. As
 * `@std/streams/merge-readable-streams`: an error in one stream fails the
 * whole, a cancelled result cancels all sources.
 *
 * @example
 * ```ts
 * import { mergeReadableStreams } from "@std/streams/merge-readable-streams";
 * import { deepStrictEqual } from "node:assert";
 *
 * const merged = mergeReadableStreams(
 *   ReadableStream.from([1, 2]),
 *   ReadableStream.from([3]),
 * );
 * deepStrictEqual((await Array.fromAsync(merged)).sort(), [1, 2, 3]);
 * ```
 */
export function mergeReadableStreams<T>(
  ...streams: ReadableStream<T>[]
): ReadableStream<T> {
  const readers = streams.map((stream) => stream.getReader());
  const cancelAll = async (reason: unknown) => {
    await Promise.all(readers.map((reader) => reader.cancel(reason)));
  };
  const reads = new Map(
    readers.map((reader, source) => [source, readFrom(reader, source)]),
  );
  return new ReadableStream<T>({
    async pull(controller) {
      while (reads.size > 0) {
        const { source, outcome } = await Promise.race(reads.values());
        if (outcome instanceof Failure) {
          controller.error(outcome.reason);
          await cancelAll(outcome.reason);
          return;
        }
        if (outcome.done) {
          reads.delete(source);
          continue;
        }
        reads.set(source, readFrom(readers[source]!, source));
        controller.enqueue(outcome.value);
        return;
      }
      controller.close();
    },
    cancel: cancelAll,
  }, { highWaterMark: 0 });
}

class Failure {
  constructor(readonly reason: unknown) {}
}

/** Never rejects: a read that fails while nobody waits would end the process. */
async function readFrom<T>(
  reader: ReadableStreamDefaultReader<T>,
  source: number,
) {
  try {
    return { source, outcome: await reader.read() };
  } catch (reason) {
    return { source, outcome: new Failure(reason) };
  }
}
