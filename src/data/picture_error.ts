/** A picture that cannot be used; `message` is the reason without the file's name. */
export class PictureError extends Error {
  override name = "PictureError";
}
