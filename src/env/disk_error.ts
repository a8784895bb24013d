import { SignetError } from "./errors.ts";

/** What is no defect of a program, by the system's word for it. */
const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "free some space on its disk",
  EDQUOT: "your quota on its disk is used up",
  EROFS: "its disk can only be read: was it mounted anew after a fault?",
};

/** The error for people, if it is that of a disk which takes nothing more. */
export function diskError(
  error: unknown,
  path?: string,
): SignetError | undefined {
  const { code, message } = Object(error) as Partial<Error & { code: string }>;
  const hint = HINTS[code ?? ""];
  if (hint === undefined || message === undefined) return undefined;
  // The system names the file only sometimes.
  const where = path ?? /'(.+?)'/.exec(message)?.[1] ?? "a file";
  const [reason] = message.split(": ");
  return new SignetError(`Cannot write ${where}: ${reason}`, {
    cause: error,
    hint,
  });
}
