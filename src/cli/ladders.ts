// Boot loaders search for their configuration under one name after the other. Which of the names
// to create, for one client or for all. Pure: it knows names only.

export interface Ladder {
  /** The most particular name, which no other client asks for. */
  readonly own?: string;
  /** The name that every client of the kind comes to. */
  readonly all?: string;
}

interface Kind {
  readonly pattern: RegExp;
  readonly own: RegExp;
  /** What follows the part of the name before the match. */
  readonly all: string;
}

const macAddress = "01(?:-[0-9a-fA-F]{2}){6}$";

const kinds: readonly Kind[] = [
  {
    pattern: /pxelinux\.cfg\//,
    own: new RegExp(`pxelinux\\.cfg/${macAddress}`),
    all: "pxelinux.cfg/default",
  },
  { pattern: /grub\.cfg(?:-|$)/, own: new RegExp(`grub\\.cfg-${macAddress}`), all: "grub.cfg" },
  {
    pattern: /(?:network-confg|cisconet\.cfg|router-confg|ciscortr\.cfg)$/,
    own: /(?<!(?:^|\/)(?:network|router))-confg$/,
    all: "network-confg",
  },
];

/** What to create so that a search for these names, in their order, ends well. */
export function ladderOf(names: readonly string[]): Ladder | undefined {
  for (const { pattern, own, all } of kinds) {
    const step = names.find((name) => pattern.test(name));
    if (step === undefined) continue;
    const particular = names.find((name) => own.test(name));
    const common = step.slice(0, step.search(pattern)) + all;
    return { ...(particular === undefined ? {} : { own: particular }), all: common };
  }
  return undefined;
}
