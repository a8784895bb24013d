import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert";
import * as fc from "fast-check";
import {
  decodeFrame,
  encodeHead,
  type FrameHead,
  HEAD_BYTES,
  runHash,
} from "../../cluster/links/mod.ts";

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const head: fc.Arbitrary<FrameHead> = fc.record({
  run: u32,
  generation: u32,
  kind: fc.integer({ min: 0, max: 255 }),
  purpose: fc.integer({ min: 0, max: 255 }),
  from: fc.integer({ min: 0, max: 65535 }),
  to: fc.integer({ min: 0, max: 65535 }),
  attempt: u32,
  sequence: u32,
  operation: u32,
  step: u32,
  segment: u32,
  total: u32,
  context: u32,
  signature: u32,
});
const payload = fc.uint8Array({ maxLength: 300 });

function frameOf(head: FrameHead, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEAD_BYTES + payload.length);
  encodeHead(head, payload, frame);
  frame.set(payload, HEAD_BYTES);
  return frame;
}

Deno.test("decodeFrame() returns what encodeHead() was given", () => {
  fc.assert(fc.property(head, payload, (head, payload) => {
    const decoded = decodeFrame(frameOf(head, payload), head, head.to);
    if (typeof decoded === "string") throw new Error(decoded);
    deepStrictEqual({ ...decoded.head }, { ...head });
    deepStrictEqual(new Uint8Array(decoded.payload), new Uint8Array(payload));
  }));
});

Deno.test("decodeFrame() refuses a frame when any one bit has flipped", () => {
  fc.assert(
    fc.property(head, payload, fc.nat(), (head, payload, where) => {
      const frame = frameOf(head, payload);
      const bit = where % (frame.length * 8);
      frame[bit >>> 3]! ^= 1 << (bit & 7);
      strictEqual(typeof decodeFrame(frame, head, head.to), "string");
    }),
  );
});

Deno.test("decodeFrame() refuses a frame when it was cut or extended", () => {
  fc.assert(
    fc.property(head, payload, fc.nat(), (head, payload, where) => {
      const frame = frameOf(head, payload);
      const cut = frame.subarray(0, where % frame.length);
      strictEqual(typeof decodeFrame(cut, head, head.to), "string");
      const longer = new Uint8Array([...frame, 0]);
      strictEqual(decodeFrame(longer, head, head.to), "corrupt");
    }),
  );
});

Deno.test("decodeFrame() refuses a frame that was for another rank", () => {
  fc.assert(
    fc.property(head, payload, fc.nat(65535), (head, payload, other) => {
      fc.pre(other !== head.to);
      const frame = frameOf(head, payload);
      strictEqual(decodeFrame(frame, head, other), "corrupt");
    }),
  );
});

Deno.test("decodeFrame() refuses any bytes that are no frame", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    const world = { run: 1, generation: 1 };
    strictEqual(typeof decodeFrame(bytes, world, 0), "string");
  }));
});

Deno.test("decodeFrame() tells another run from an older generation", () => {
  const world = { run: runHash("one"), generation: 4 };
  const blank = {
    kind: 1,
    purpose: 1,
    from: 0,
    to: 1,
    attempt: 0,
    sequence: 1,
    operation: 1,
    step: 0,
    segment: 0,
    total: 0,
    context: 0,
    signature: 0,
  };
  const none = new Uint8Array(0);
  notStrictEqual(runHash("one"), runHash("two"));
  const other = { ...blank, ...world, run: runHash("two") };
  strictEqual(decodeFrame(frameOf(other, none), world, 1), "foreign");
  const older = { ...blank, ...world, generation: 3 };
  strictEqual(decodeFrame(frameOf(older, none), world, 1), "stale");
});
