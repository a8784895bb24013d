import {
  linearForward,
  linearInputGradient,
  linearWeightGradient,
  patchify,
} from "../ops/mod.ts";
import type { GoldenContext } from "./context.ts";
import type { Fixture } from "./fixture.ts";

/** Patch embedding: a convolution whose stride is its kernel, as rows of patches times a matrix. */
export async function patchOp(
  fixture: Fixture,
  { device }: GoldenContext,
  name: string,
): Promise<void> {
  const images = fixture.input(`${name}.in.input`);
  const weights = fixture.input(`${name}.in.weight`);
  const [batch = 0, channels = 0, height = 0, width = 0] = images.shape;
  const [dim = 0, , patch = 1] = weights.shape;
  const rows = Math.floor(height / patch);
  const columns = Math.floor(width / patch);
  const patches = batch * rows * columns;
  const depth = channels * patch * patch;
  const input = device.tensor([patches, depth]);
  const weight = device.tensor([dim, depth], weights.data);
  const bias = device.tensor([dim], fixture.input(`${name}.in.bias`).data);
  const dOutput = device.tensor(
    [patches, dim],
    fixture.input(`${name}.dout`).data,
  );
  const output = device.tensor([patches, dim]);
  const dInput = device.tensor([patches, depth]);
  const dWeight = device.tensor([dim, depth]);
  const dBias = device.tensor([dim]);
  const plain = Array.from({ length: channels }, () => [0, 1]).flat();
  device.run((program) => {
    patchify(program, {
      images: device.tensor(images.shape, images.data),
      statistics: device.tensor([1, channels, 2], new Float32Array(plain)),
      output: input,
      patch,
    });
    linearForward(program, { input, weight, bias, output });
    linearInputGradient(program, { dOutput, weight, dInput });
    linearWeightGradient(program, { input, dOutput, dWeight, dBias });
  });
  fixture.compare("out", `${name}.out`, await device.read(output));
  fixture.compare("grad", `${name}.grad.weight`, await device.read(dWeight));
  fixture.compare("grad", `${name}.grad.bias`, await device.read(dBias));
  // Patches do not overlap, so the image's gradient is that of the rows put back.
  const gradient = await device.read(dInput);
  const dImages = new Float32Array(images.data.length);
  for (let at = 0; at < gradient.length; at++) {
    const x = at % patch;
    const y = Math.floor(at / patch) % patch;
    const channel = Math.floor(at / patch / patch) % channels;
    const index = Math.floor(at / depth);
    const column = index % columns;
    const row = Math.floor(index / columns) % rows;
    const image = Math.floor(index / columns / rows);
    const line = (image * channels + channel) * height + row * patch + y;
    dImages[line * width + column * patch + x] = gradient[at]!;
  }
  fixture.compare("grad", `${name}.grad.input`, dImages);
}
