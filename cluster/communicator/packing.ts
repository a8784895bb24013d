import {
  bytesOf,
  codeOf,
  isTypedArray,
  type Json,
  JSON_CODE,
  type TypedArray,
  typeOf,
  typeOfCode,
  viewAs,
} from "./elements.ts";

/** The type's number in front of the content; keeps it aligned. */
const HEAD = 8;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** JSON text of a value; `undefined` becomes `null`. */
export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value) ?? "null");
}

export function decodeJson(bytes: Uint8Array): unknown {
  return JSON.parse(decoder.decode(bytes));
}

/** An array or value with its type, for receivers that do not know it. */
export function pack(value: TypedArray | Json | undefined): Uint8Array {
  const isArray = isTypedArray(value);
  const content = isArray ? bytesOf(value) : encodeJson(value);
  const packed = new Uint8Array(HEAD + content.length);
  packed[0] = isArray ? codeOf(typeOf(value)) : JSON_CODE;
  packed.set(content, HEAD);
  return packed;
}

export function unpack(packed: Uint8Array): TypedArray | Json {
  const code = packed[0]!;
  const content = packed.subarray(HEAD);
  return code === JSON_CODE
    ? decodeJson(content) as Json
    : viewAs(typeOfCode(code), content);
}
