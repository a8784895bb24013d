import { createHash } from "node:crypto";
import { SignetError } from "../env/mod.ts";
import { type LeasedWork, leasesFor } from "../training/mod.ts";
import type { Context } from "./context.ts";
import type { FrozenModel } from "./further_models.ts";
import {
  CacheFileError,
  decodeChunk,
  encodeChunk,
  HEADER_BYTES,
  Layout,
} from "./teacher_cache_file.ts";
import {
  OUTPUTS,
  type OutputWidths,
  outputWidths,
  type TeacherReads,
  TeacherRun,
} from "./teacher_outputs.ts";

/** A chunk file has about this many bytes. */
const CHUNK_BYTES = 16 << 20;
/** Caches up to this size are held in memory, larger ones read as they are needed. */
const HELD_BYTES = 256 << 20;
/** Larger caches are not written: the teacher runs in every step instead. */
const LARGEST_BYTES = 16 * 2 ** 30;

/** Format of the files and of what the key covers. */
const VERSION = 4;

/** Figures of a cache, for log and summary. */
export interface CacheFigures {
  /** Images that this rank's teacher ran on. */
  computed: number;
  /** Images whose outputs were on disk. */
  found: number;
  bytes: number;
}

/** What {@linkcode TeacherCache.open} needs beside the context. */
export interface TeacherCacheOptions {
  teacher: FrozenModel;
  reads: TeacherReads;
  /** Images at a time: those of a step, so that kernels have the same shapes. */
  batch: number;
  /** Called after each batch. */
  onBatch(): void;
  /** Default: what suits real sets. */
  sizes?: { chunkBytes: number; heldBytes: number };
}

/**
 * Outputs of a frozen teacher for all training images, on disk.
 *
 * Every rank evaluates chunks, leased where the ranks lease work, and writes each as
 * one file; then each looks for all files and evaluates what its disk lacks, which is
 * nothing where ranks share the disk. A file that is damaged, or of another teacher, is written anew.
 */
export class TeacherCache {
  readonly figures: CacheFigures;
  readonly widths: OutputWidths;
  readonly #context: Context;
  readonly #folder: string;
  readonly #layout: Layout;
  /** All rows, when they are few. */
  readonly #held: Float32Array<ArrayBuffer> | undefined;

  private constructor(
    context: Context,
    folder: string,
    widths: TeacherCache["widths"],
    layout: Layout,
    heldBytes: number,
  ) {
    this.#context = context;
    this.#folder = folder;
    this.widths = widths;
    this.#layout = layout;
    this.figures = { computed: 0, found: 0, bytes: layout.bytes };
    if (layout.bytes <= heldBytes && !context.device.dry) {
      this.#held = new Float32Array(layout.images * layout.width);
    }
  }

  /**
   * Loads the cache and evaluates what is missing; `undefined`, on all ranks,
   * when it would be too large or a rank cannot write it. All ranks call it.
   */
  static async open(
    context: Context,
    options: TeacherCacheOptions,
  ): Promise<TeacherCache | undefined> {
    const { log, env, data, cacheFolder, communicator } = context;
    const empty = context.device.dry || context.madeUp;
    const { teacher, reads, sizes } = options;
    const widths = outputWidths(teacher.model, reads);
    const width = OUTPUTS.reduce((sum, name) => sum + widths[name], 0);
    const about = empty ? "" : await describe(context, teacher, reads);
    const key = createHash("sha256").update(about).digest("hex");
    const layout = new Layout(
      key,
      data.train.count,
      width,
      sizes?.chunkBytes ?? CHUNK_BYTES,
    );
    if (layout.bytes > LARGEST_BYTES) {
      log("info", "teacher's outputs are too large for a cache", {
        bytes: layout.bytes,
        largest: LARGEST_BYTES,
      });
      return undefined;
    }
    const folder = `${cacheFolder}/teacher/${key.slice(0, 16)}`;
    const cache = new TeacherCache(
      context,
      folder,
      widths,
      layout,
      context.device.dry ? 0 : sizes?.heldBytes ?? HELD_BYTES,
    );
    if (empty) {
      // Only its memory is asked for, or the time of steps that read it.
      (await cache.#openRun(options))[Symbol.dispose]();
      return cache;
    }
    if (communicator.rank === 0) {
      // For people who wonder what the folder is; nothing depends on it.
      await env.disk.makeFolder(folder)
        .then(() => env.disk.write(`${folder}/about.json`, `${about}\n`))
        .catch(() => {});
    }
    if (!await cache.#fill(options)) return undefined;
    log("info", "teacher's outputs are cached", { folder, ...cache.figures });
    return cache;
  }

  /** The first `floats` values of the outputs of each image. */
  async read(
    images: ArrayLike<number>,
    floats: number,
  ): Promise<readonly Float32Array[]> {
    const { width } = this.#layout;
    const held = this.#held;
    return await Promise.all(
      Array.from(
        images,
        (image) =>
          held?.subarray(image * width, image * width + floats) ??
            this.#readRow(image, floats),
      ),
    );
  }

  async #readRow(image: number, floats: number): Promise<Float32Array> {
    if (this.#context.madeUp) return new Float32Array(floats);
    const { chunkRows, width } = this.#layout;
    const chunk = Math.floor(image / chunkRows);
    const path = this.#path(chunk);
    const bytes = await this.#context.env.disk.readRange(
      path,
      HEADER_BYTES + 4 * width * (image - chunk * chunkRows),
      4 * floats,
    );
    if (bytes.length < 4 * floats) {
      throw new SignetError(
        `Cannot read the teacher's outputs of image ${image}: ${path} was cut`,
        { hint: "--resume auto goes on and writes the file anew" },
      );
    }
    return new Float32Array(bytes.buffer, bytes.byteOffset, floats);
  }

  /** Own chunks first, then whatever is not there; false when a rank cannot. */
  async #fill(options: TeacherCacheOptions): Promise<boolean> {
    const { communicator } = this.#context;
    const { rank, size } = communicator;
    const all = Array.from({ length: this.#layout.chunks }, (_, i) => i);
    const own = new Set(all.filter((chunk) => chunk % size === rank));
    let run: TeacherRun | undefined;
    const teacherRun = async () => run ??= await this.#openRun(options);
    const load = (chunks: Iterable<number>) =>
      this.#load(chunks, teacherRun, options.onBatch);
    try {
      const work = leasesFor(communicator, all.length)?.begin(all.length);
      if (work) own.clear();
      const first = work ? this.#leased(work, own, load) : load(own);
      return await this.#together(first, { inStep: work === undefined }) &&
        await this.#together(
          load(all.filter((chunk) => !own.has(chunk))),
          { inStep: true },
        );
    } finally {
      run?.[Symbol.dispose]();
    }
  }

  /** Loads the chunks that this rank is given, and notes them in `own`. */
  async *#leased(
    work: LeasedWork,
    own: Set<number>,
    load: (chunks: Iterable<number>) => AsyncGenerator<void>,
  ): AsyncGenerator<void> {
    try {
      for (let lease; (lease = await work.next()) !== undefined;) {
        for (let chunk = lease[0]; chunk < lease[1]; chunk++) {
          yield* load([chunk]);
          own.add(chunk);
        }
      }
    } catch (error) {
      if (!(error instanceof CacheWriteError)) throw error;
      // The others wait as long as it has parts, and need no more of them.
      while (await work.next() !== undefined);
      throw error;
    }
  }

  /**
   * Drives the work of all ranks to its end; in step, batch by batch, where else one
   * would wait for another for longer than a step. False when one of them failed.
   */
  async #together(
    work: AsyncGenerator<void>,
    { inStep }: { inStep: boolean },
  ): Promise<boolean> {
    const { communicator, log } = this.#context;
    const state = communicator.allocate(2);
    let done = false;
    while (true) {
      let failed = false;
      try {
        do {
          if (!done) done = (await work.next()).done === true;
        } while (!done && !inStep);
      } catch (error) {
        if (!(error instanceof CacheWriteError)) throw error;
        failed = true;
        log("warn", error.message);
      }
      state.set([done ? 0 : 1, failed ? 1 : 0]);
      await communicator.allReduce(state);
      if (state[1]! > 0) {
        log(
          "warn",
          "the teacher runs in every step: its outputs have no cache",
        );
        return false;
      }
      if (state[0] === 0) return true;
    }
  }

  /** Reads chunks, or evaluates and writes them; yields after each batch. */
  async *#load(
    chunks: Iterable<number>,
    teacherRun: () => Promise<TeacherRun>,
    onBatch: () => void,
  ): AsyncGenerator<void> {
    const { chunkRows, width } = this.#layout;
    for (const chunk of chunks) {
      const rows = this.#layout.rowsOf(chunk);
      let values = await this.#readChunk(chunk);
      if (values) {
        this.figures.found += rows;
        onBatch();
        yield;
      } else {
        values = new Float32Array(rows * width);
        const run = await teacherRun();
        for (let row = 0; row < rows; row += run.batch) {
          const count = Math.min(run.batch, rows - row);
          const target = values.subarray(row * width, (row + count) * width);
          run.evaluate(chunk * chunkRows + row, count, target);
          this.figures.computed += count;
          onBatch();
          yield;
        }
        await this.#writeChunk(chunk, values);
      }
      this.#held?.set(values, chunk * chunkRows * width);
    }
  }

  async #readChunk(
    chunk: number,
  ): Promise<Float32Array<ArrayBuffer> | undefined> {
    const { env, log } = this.#context;
    const path = this.#path(chunk);
    try {
      if (await env.disk.stat(path) === undefined) return undefined;
      return decodeChunk(await env.disk.read(path), this.#layout.place(chunk));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const fault = error instanceof CacheFileError
        ? "not usable"
        : "unreadable";
      log("warn", `${path} is ${fault} and is computed anew: ${reason}`);
      return undefined;
    }
  }

  async #writeChunk(chunk: number, values: Float32Array): Promise<void> {
    const { disk } = this.#context.env;
    const path = this.#path(chunk);
    try {
      await disk.makeFolder(this.#folder);
      await disk.write(path, encodeChunk(this.#layout.place(chunk), values));
    } catch (error) {
      throw new CacheWriteError(
        `cannot write ${path}: ${
          error instanceof Error ? error.message : error
        }`,
      );
    }
  }

  #path(chunk: number): string {
    return `${this.#folder}/${String(chunk).padStart(6, "0")}.f32`;
  }

  #openRun(options: TeacherCacheOptions): Promise<TeacherRun> {
    const { device, trainStore } = this.#context;
    const { teacher, reads, batch } = options;
    return TeacherRun.open({
      ...teacher,
      device,
      reads,
      store: trainStore,
      batch,
    });
  }
}

class CacheWriteError extends Error {}

/** All that the outputs depend on, as JSON: its hash is the key. */
async function describe(
  context: Context,
  { model, normalisation, feature }: FrozenModel,
  reads: TeacherReads,
): Promise<string> {
  const { config, parameters } = model;
  const hash = createHash("sha256");
  for (const [name, { data }] of await parameters.read()) {
    hash.update(name);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return JSON.stringify(
    {
      version: VERSION,
      data: context.dataHash,
      weights: hash.digest("hex"),
      model: config,
      feature,
      normalisation,
      outputs: OUTPUTS.filter((name) =>
        (name !== "tokens" && name !== "attention") || reads[name]
      ),
      form: context.device.form,
      precision: context.config.precision,
    },
    null,
    2,
  );
}
