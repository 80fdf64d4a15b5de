// Colour, where a person looks at it: on a terminal and without NO_COLOR (https://no-color.org).

import { styleText } from "node:util";

export type Colour = "red" | "yellow" | "green" | "dim" | "bold";
export type Paint = (colour: Colour, text: string) => string;

export function painter(stream: { readonly isTTY?: boolean }): Paint {
  if (!stream.isTTY || process.env.NO_COLOR || process.env.TERM === "dumb") return plain;
  return (colour, text) => styleText(colour, text, { validateStream: false });
}

export const plain: Paint = (_colour, text) => text;
