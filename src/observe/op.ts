// Which way a file goes, in the words of the command line, for what the wire calls RRQ and WRQ.

export type Op = "get" | "put";

export function opOf({ op }: { readonly op: "rrq" | "wrq" }): Op {
  return op === "rrq" ? "get" : "put";
}
