// The one error type, its closed list of codes, and the wire's codes (RFC 1350 5, RFC 2347).

/** Each code beside its ERROR code on the wire; those that only one side knows travel as 0 or the
 * nearest. */
const wireCodes = {
  /** The peer gave no code that says more; its message does. */
  UNDEFINED: 0,
  FILE_NOT_FOUND: 1,
  ACCESS_VIOLATION: 2,
  DISK_FULL: 3,
  ILLEGAL_OPERATION: 4,
  UNKNOWN_TID: 5,
  FILE_EXISTS: 6,
  NO_SUCH_USER: 7,
  OPTIONS_REFUSED: 8,
  /** The peer stayed silent for every attempt. */
  TIMED_OUT: 0,
  /** Our own side gave up: a signal, a closed server, an abandoned stream. */
  ABORTED: 0,
  /** The operating system refused to send, to bind or to find a host. */
  NETWORK: 0,
  /** Reading or writing the content failed. */
  STORAGE: 0,
  /** More bytes than a limit allows. */
  TOO_LARGE: 3,
  /** A limit on transfers is reached; try again later. */
  BUSY: 0,
  /** The caller's own argument is wrong. */
  INVALID_ARGUMENT: 0,
} as const;

export type TftpErrorCode = keyof typeof wireCodes;

export interface TftpErrorOptions {
  /** Who failed: this side (default) or the peer, by an ERROR packet. */
  readonly origin?: "local" | "remote";
  /** The ERROR code on the wire, where it is not the one that belongs to `code`. */
  readonly wireCode?: number;
  /** What to do next, as one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** `message` may be sent to the peer, so it names nothing that the peer did not say itself;
 * the details of this machine stay in `cause`. */
export class TftpError extends Error {
  override readonly name = "TftpError";
  readonly code: TftpErrorCode;
  readonly origin: "local" | "remote";
  readonly wireCode: number;
  readonly hint: string | undefined;

  constructor(code: TftpErrorCode, message: string, options: TftpErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.origin = options.origin ?? "local";
    this.wireCode = options.wireCode ?? wireCodes[code];
    this.hint = options.hint;
  }

  /** Whatever was thrown, as a TftpError: itself, what another copy of this module threw, or the
   * cause of a STORAGE error. */
  static from(thrown: unknown, message = "the content cannot be read or written"): TftpError {
    if (thrown instanceof TftpError) return thrown;
    if (!isForeign(thrown)) return new TftpError("STORAGE", message, { cause: thrown });
    const { code, origin, hint } = thrown;
    const options = { origin, cause: thrown, ...(hint === undefined ? {} : { hint }) };
    return new TftpError(code, thrown.message, options);
  }

  /** The error that an ERROR packet of the peer stands for. */
  static remote(wireCode: number, message: string): TftpError {
    const code = remoteCodes[wireCode] ?? "UNDEFINED";
    return new TftpError(code, message || defaultTexts[code] || "the peer gave no reason", {
      origin: "remote",
      wireCode,
    });
  }
}

/** A program and what extends it may each have installed the library. */
function isForeign(thrown: unknown): thrown is TftpError {
  const { name, code } = thrown instanceof Error ? (thrown as Partial<TftpError>) : {};
  return name === "TftpError" && code !== undefined && Object.hasOwn(wireCodes, code);
}

const remoteCodes: readonly TftpErrorCode[] = [
  "UNDEFINED",
  "FILE_NOT_FOUND",
  "ACCESS_VIOLATION",
  "DISK_FULL",
  "ILLEGAL_OPERATION",
  "UNKNOWN_TID",
  "FILE_EXISTS",
  "NO_SUCH_USER",
  "OPTIONS_REFUSED",
];

const defaultTexts: { readonly [code in TftpErrorCode]?: string } = {
  FILE_NOT_FOUND: "file not found",
  ACCESS_VIOLATION: "access denied",
  DISK_FULL: "disk full",
  ILLEGAL_OPERATION: "illegal operation",
  UNKNOWN_TID: "unknown transfer ID",
  FILE_EXISTS: "file already exists",
  NO_SUCH_USER: "no such user",
  OPTIONS_REFUSED: "options refused",
};
