import {
  linearForward,
  linearInputGradient,
  linearWeightGradient,
  patchify,
  patchifyBackward,
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
  const dImages = device.tensor(images.shape);
  const plain = Array.from({ length: channels }, () => [0, 1]).flat();
  const statistics = device.tensor([1, channels, 2], new Float32Array(plain));
  device.run((program) => {
    patchify(program, {
      images: device.tensor(images.shape, images.data),
      statistics,
      output: input,
      patch,
    });
    linearForward(program, { input, weight, bias, output });
    linearInputGradient(program, { dOutput, weight, dInput });
    linearWeightGradient(program, { input, dOutput, dWeight, dBias });
    patchifyBackward(program, { dOutput: dInput, statistics, dImages, patch });
  });
  fixture.compare("out", `${name}.out`, await device.read(output));
  fixture.compare("grad", `${name}.grad.weight`, await device.read(dWeight));
  fixture.compare("grad", `${name}.grad.bias`, await device.read(dBias));
  fixture.compare("grad", `${name}.grad.input`, await device.read(dImages));
}
