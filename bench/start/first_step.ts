import { realEnv, SignetError } from "../../src/env/mod.ts";
import { startVerb } from "../../cluster/launch/verb_child.ts";
import { TextLineStream } from "../../src/std/streams_text_line_stream.ts";

/** Longest wait for a first step. */
const SECONDS = 120;
/** Images of each class in the generated set. */
const PER_CLASS = { train: 40, test: 10 };
const RECORD_BYTES = 1 + 3 * 32 * 32;

/** One start of `train`. */
export interface Start {
  readonly kind: "cold" | "warm";
  /** Seconds from starting the process to the report of its first step. */
  readonly time: number;
  readonly loss: number;
}

/** Cold and warm starts in turn, each pair with caches of its own. */
export async function* startsOf(runs: number): AsyncGenerator<Start> {
  const folder = `${Deno.env.get("TMPDIR") ?? "/tmp"}/signet-start-${Deno.pid}`;
  await realEnv.disk.makeFolder(folder);
  try {
    await writeImages(`${folder}/images`);
    for (let run = 0; run < runs; run++) {
      for (const kind of ["cold", "warm"] as const) {
        const started = await startTraining({
          images: `${folder}/images`,
          cache: `${folder}/${run}/shaders`,
          // What was measured of the adapter is kept beside it.
          runFolder: `${folder}/${run}/${kind}`,
        });
        yield { kind, ...started };
      }
    }
  } finally {
    await realEnv.disk.remove(folder);
  }
}

async function startTraining(
  paths: { images: string; cache: string; runFolder: string },
): Promise<{ time: number; loss: number }> {
  await realEnv.disk.makeFolder(paths.cache);
  const begin = realEnv.clock.now();
  const child = startVerb("train", [
    `--run-dir=${paths.runFolder}`,
    "ranks=1",
    "data.kind=cifar10",
    `data.path=${paths.images}`,
    "data.validationPerClass=2",
  ], {
    stderr: "piped",
    env: { MESA_SHADER_CACHE_DIR: paths.cache, NO_COLOR: "1" },
  });
  const cancel = realEnv.timers.after(SECONDS * 1000, () => end(child));
  const tail: string[] = [];
  let loss: number | undefined;
  let time = NaN;
  for await (const line of lines(child.stderr)) {
    tail.push(line);
    if (tail.length > 5) tail.shift();
    const found = /^teacher\s+1\/\d+\s+loss\s+(\S+)/.exec(line);
    if (found === null || loss !== undefined) continue;
    time = (realEnv.clock.now() - begin) / 1000;
    loss = Number(found[1]);
    // It is asked to stop, so that its server and its ranks end too.
    child.kill("SIGINT");
  }
  await child.status;
  cancel();
  if (loss === undefined) {
    throw new SignetError(
      `Cannot time a start: no step was reported within ${SECONDS} s: ${
        tail.join(" | ")
      }`,
    );
  }
  return { time, loss };
}

function end(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGTERM");
  } catch {
    // It has ended already.
  }
}

function lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  return stream.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
}

/** Noise in the layout of CIFAR-10. */
async function writeImages(folder: string): Promise<void> {
  await realEnv.disk.makeFolder(folder);
  for (
    const [file, perClass] of [
      ["data_batch_1.bin", PER_CLASS.train],
      ["test_batch.bin", PER_CLASS.test],
    ] as const
  ) {
    const bytes = Uint8Array.from(
      { length: 10 * perClass * RECORD_BYTES },
      (_, i) =>
        i % RECORD_BYTES === 0
          ? i / RECORD_BYTES % 10
          : (Math.imul(i, 2654435761) >>> 11) & 255,
    );
    await realEnv.disk.write(`${folder}/${file}`, bytes);
  }
  const names = Array.from({ length: 10 }, (_, i) => `class_${i}`);
  await realEnv.disk.write(
    `${folder}/batches.meta.txt`,
    `${names.join("\n")}\n`,
  );
}
