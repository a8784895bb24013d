import type { Bucket } from "./exchange.ts";

/** Buckets of a step from when their readback is there to when the sums are. */
export class SumsUnderWay {
  readonly #complete: Bucket[] = [];
  readonly #sums: { bucket: Bucket; done: Promise<void> }[] = [];

  /** Their readbacks are there; they are sent while the next piece runs. */
  add(buckets: readonly Bucket[]): void {
    this.#complete.push(...buckets);
  }

  /** @param onTake Called when a bucket has what the GPU gives. */
  send(onTake: (bucket: Bucket) => void): void {
    for (const bucket of this.#complete.splice(0)) {
      bucket.take();
      onTake(bucket);
      const done = bucket.sum();
      // Awaited below; until then a failure must not count as unhandled.
      done.catch(() => {});
      this.#sums.push({ bucket, done });
    }
  }

  /** Queues all sums for the GPU, each when it is there. */
  async write(wait: (work: Promise<void>) => Promise<void>): Promise<void> {
    for (const { bucket, done } of this.#sums.splice(0)) {
      await wait(done);
      bucket.write();
    }
  }
}
