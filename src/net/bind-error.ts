// What to tell a person whose socket could not be opened.
// It must not know what the socket was for.

import { isIP } from "node:net";
import { TftpError } from "../core/errors.ts";
import type { Address } from "../ports.ts";
import { isWithoutZone } from "./hosts.ts";

/** A system error of `bind` as TftpError NETWORK, with the error as its cause. */
export function bindError(local: Address, cause: NodeJS.ErrnoException): TftpError {
  const explain = isIP(local.host) === 0 ? noAddress : explanations[cause.code ?? ""];
  const [message, hint] = explain?.(local) ?? [
    `cannot open a UDP socket on ${local.host} port ${local.port}`,
    `The system says: ${cause.message}.`,
  ];
  return new TftpError("NETWORK", message, { hint, cause });
}

type Explanation = (local: Address) => readonly [message: string, hint: string] | undefined;

const noAddress: Explanation = ({ host }) => [
  `${host} is no IP address`,
  "Name one of this machine's own addresses, such as 127.0.0.1.",
];

const explanations: { readonly [code: string]: Explanation | undefined } = {
  EADDRINUSE: ({ host, port }) =>
    port === 0
      ? [
          "no free UDP port is left",
          "Other programs hold them all; end some, or let the system give out more of them.",
        ]
      : [
          `port ${port} is in use on ${host}`,
          "Another TFTP server is running; stop it or choose another port.",
        ],
  EACCES: ({ port }) => [
    `no permission to use port ${port}`,
    "Run as root, or grant CAP_NET_BIND_SERVICE, or use a port above 1023.",
  ],
  EADDRNOTAVAIL: ({ host }) => [
    `this machine has no address ${host}`,
    "Use one of its own addresses, or 0.0.0.0 or :: for all of them.",
  ],
  EINVAL: ({ host }) =>
    isWithoutZone(host)
      ? [`the address ${host} needs its interface`, `Write ${host}%eth0 if it is eth0.`]
      : undefined,
  EAFNOSUPPORT: ({ host }) => [
    `this machine cannot use the address ${host}`,
    "IPv6 is switched off; use an IPv4 address.",
  ],
  EMFILE: () => [
    "too many open sockets",
    "Raise the limit on open files (ulimit -n), or allow fewer transfers at a time.",
  ],
  ENFILE: () => [
    "too many open sockets on this machine",
    "Raise the limit on open files of the system, or allow fewer transfers at a time.",
  ],
};
