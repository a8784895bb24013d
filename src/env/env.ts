/**
 * The only door to the outside world: clock, timers, disk, chance, process end.
 *
 * Code that takes an {@linkcode Env} instead of reaching for `Date.now`,
 * `setTimeout` or `Deno.readFile` runs unchanged in the simulator.
 */
export interface Env {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly disk: Disk;
  /** Unpredictable bytes, for run ids and credentials; never for training. */
  randomBytes(length: number): Uint8Array<ArrayBuffer>;
  /** Ends the process. The simulator throws instead. */
  exit(code: number): never;
}

export interface Clock {
  /** Milliseconds on a monotonic clock; only differences mean something. */
  now(): number;
  /** Milliseconds since 1970, for display and file names only. */
  wall(): number;
}

export interface Timers {
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `action` once after `ms`; the result cancels it. */
  after(ms: number, action: () => void): () => void;
  /** Calls `action` each `ms`; the result cancels it. */
  every(ms: number, action: () => void): () => void;
}

export interface FileInfo {
  kind: "file" | "folder" | "other";
  /** Size in bytes; 0 for a folder. */
  size: number;
  /** The same for all paths that lead to it, where the file system tells. */
  id?: string;
}

/** Files by path. Missing files throw `Deno.errors.NotFound`. */
export interface Disk {
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  readText(path: string): Promise<string>;
  /** Reads `length` bytes from `offset`; shorter at the end of the file. */
  readRange(
    path: string,
    offset: number,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Streams a file, for archives that do not fit in memory. */
  stream(path: string): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
  /** Writes to a temporary name, syncs and renames, so readers see all or nothing. */
  write(path: string, data: Uint8Array | string): Promise<void>;
  append(path: string, text: string): Promise<void>;
  /**
   * Keeps other processes that ask for the same from changing the file until it is
   * given back; makes an empty one. Without effect where the file system knows no
   * locks.
   */
  lock(path: string): Promise<Disposable>;
  /** Cuts or creates the file so that it holds `size` bytes. */
  truncate(path: string, size: number): Promise<void>;
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a folder with all it holds; no error when absent. */
  remove(path: string): Promise<void>;
  /** Names in a folder with their kind, sorted by name. */
  list(path: string): Promise<{ name: string; kind: FileInfo["kind"] }[]>;
  /** `undefined` when nothing is there. Follows links. */
  stat(path: string): Promise<FileInfo | undefined>;
}
