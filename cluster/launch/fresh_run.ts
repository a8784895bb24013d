import type { Disk } from "../../src/env/mod.ts";

/**
 * The folder of a run that has not begun. What comes to nothing leaves nothing: it
 * takes away what has been added, and the folder where it made that. What was there
 * before stays.
 */
export class FreshRun implements AsyncDisposable {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #before: ReadonlySet<string> | undefined;
  /** There is something to keep. */
  kept = false;

  private constructor(
    disk: Disk,
    path: string,
    before: ReadonlySet<string> | undefined,
  ) {
    this.#disk = disk;
    this.#path = path;
    this.#before = before;
  }

  /** Looks what is there before anything is added. */
  static async at(disk: Disk, path: string): Promise<FreshRun> {
    const there = (await disk.stat(path))?.kind === "folder";
    const entries = there ? await disk.list(path) : undefined;
    const names = entries?.map(({ name }) => name);
    return new FreshRun(disk, path, names && new Set(names));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.kept) return;
    try {
      for (const { name } of await this.#disk.list(this.#path)) {
        if (this.#before?.has(name)) continue;
        await this.#disk.remove(`${this.#path}/${name}`);
      }
      // Only an empty one goes: others may have put something there.
      if (this.#before === undefined) await Deno.remove(this.#path);
    } catch {
      // A disk that takes no changes any more has another error to tell.
    }
  }
}
