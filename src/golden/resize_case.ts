import { resizeImage } from "../data/mod.ts";
import { patchify } from "../ops/mod.ts";
import type { GoldenContext } from "./context.ts";
import type { Fixture } from "./fixture.ts";
import { channels as channelsSchema, readJson } from "./schema.ts";

/** `<filter>.<width>x<height>` from `in` `[height, width, channels]`, and `normalised`. */
export async function resizeCase(
  fixture: Fixture,
  context: GoldenContext,
): Promise<void> {
  const { shape, data } = fixture.input("in");
  const [height = 0, width = 0, channels = 0] = shape;
  const bytes = Uint8Array.from(data);
  const pattern = /^(bilinear|bicubic)\.(\d+)x(\d+)$/;
  for (const [name, filter, toWidth, toHeight] of fixture.matching(pattern)) {
    const resized = resizeImage(bytes, {
      width,
      height,
      channels,
      toWidth: Number(toWidth),
      toHeight: Number(toHeight),
      filter: filter as "bilinear" | "bicubic",
    });
    fixture.compare("pixels", name, resized);
  }
  if (fixture.has("normalised")) {
    fixture.compare(
      "out",
      "normalised",
      await normalise(fixture, context, bytes),
    );
  }
}

/** The kernel that normalises images for a model, with patches of one pixel. */
async function normalise(
  fixture: Fixture,
  { device }: GoldenContext,
  bytes: Uint8Array,
): Promise<Float32Array> {
  const [height = 0, width = 0] = fixture.stored("in").shape;
  const mean = readJson(fixture, "mean", channelsSchema);
  const deviation = readJson(fixture, "std", channelsSchema);
  const pixels = height * width;
  const planes = new Float32Array(3 * pixels);
  for (let i = 0; i < bytes.length; i++) {
    planes[(i % 3) * pixels + Math.floor(i / 3)] = bytes[i]! / 255;
  }
  const statistics = mean.flatMap((m, c) => [m, 1 / deviation[c]!]);
  const output = device.tensor([pixels, 3]);
  device.run((program) =>
    patchify(program, {
      images: device.tensor([1, 3, height, width], planes),
      statistics: device.tensor([1, 3, 2], new Float32Array(statistics)),
      output,
      patch: 1,
    })
  );
  const rows = await device.read(output);
  return Float32Array.from(
    { length: rows.length },
    (_, i) => rows[(i % pixels) * 3 + Math.floor(i / pixels)]!,
  );
}
