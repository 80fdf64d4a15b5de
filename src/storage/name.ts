// From a client's file name to path segments below a root. Pure: it knows no file system.

import { TftpError } from "../core/errors.ts";

interface NameOptions {
  /** Names that begin with a dot are found; default false. */
  readonly dotFiles?: boolean;
}

/** The segments of a client's name, at least one, none of them `.`, `..` or empty. Both slashes
 * separate; a drive letter and leading slashes go; `..` is resolved by the text alone, since U-Boot
 * asks for `dir/../data/x`. Throws TftpError FILE_NOT_FOUND, or ACCESS_VIOLATION above the root. */
export function resolveName(name: string, options: NameOptions = {}): string[] {
  return visible(split(name), options);
}

/** The segments below `root` of a name that repeats the root's own path, or undefined. */
export function nameBelow(
  name: string,
  root: string,
  options: NameOptions = {},
): string[] | undefined {
  const segments = split(name);
  const prefix = split(root);
  const repeats = prefix.length > 0 && prefix.every((segment, at) => segment === segments[at]);
  return repeats ? visible(segments.slice(prefix.length), options) : undefined;
}

/** The name of an upload that is under way, with a mark of its own. No client can ask for it. */
export function temporaryName(mark: string): string {
  return `.tidewire-${mark}.part`;
}

/** Upper case too: some file systems do not tell the difference. */
const temporaryPattern = /^\.tidewire-.*\.part$/i;

/** What Linux accepts (NAME_MAX, PATH_MAX); a longer name cannot exist. */
const segmentBytesMax = 255;
const nameBytesMax = 4095;

const controlPattern = /[\x00-\x1f\x7f]/;
/** Some Windows boot loaders send the path of their build machine, some add a slash before it. */
const drivePattern = /^[\\/]*[A-Za-z]:(?=[\\/])/;

function split(name: string): string[] {
  if (controlPattern.test(name) || byteLength(name) > nameBytesMax) throw notFound();
  const segments: string[] = [];
  for (const segment of name.replace(drivePattern, "").split(/[\\/]+/)) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") segments.push(segment);
    else if (segments.pop() === undefined) throw aboveRoot();
  }
  return segments;
}

function visible(segments: string[], options: NameOptions): string[] {
  if (segments.length === 0) throw notFound();
  for (const segment of segments) {
    const hidden = temporaryPattern.test(segment) || (!options.dotFiles && segment.startsWith("."));
    if (hidden || byteLength(segment) > segmentBytesMax) throw notFound();
  }
  return segments;
}

function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

function notFound(): TftpError {
  return new TftpError("FILE_NOT_FOUND", "file not found");
}

function aboveRoot(): TftpError {
  return new TftpError("ACCESS_VIOLATION", "the name leads out of the served folder");
}
