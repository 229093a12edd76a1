/**
 * Several droplets share this machine's loopback. A configuration file leads the real curl on a droplet to that droplet's own
 * ports, and nowhere else.
 * @see https://curl.se/docs/manpage.html#--connect-to the first line that fits counts
 */

/** A port of the droplet that leads to a real one. */
export interface Route {
  /** Addresses of the droplet at which the port answers. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly realPort: number;
}

/** @param refusedPort a port that nobody listens on: everything that is not published is refused there */
export function curlrc(routes: readonly Route[], refusedPort: number): string {
  const lines = routes.flatMap(({ addresses, port, realPort }) =>
    addresses.map((address) => `connect-to = "${address}:${port}:127.0.0.1:${realPort}"`),
  );
  return [...lines, `connect-to = "::127.0.0.1:${refusedPort}"`, ""].join("\n");
}

/**
 * The `curl` of a droplet: the machine's own, with the routes. Everything else is as the caller says, so that a proxy or a ~/.curlrc
 * disturbs it here as it would there.
 * @param routes path of the configuration file, without quotes
 */
export const curlProgram = (routes: string, searchPath: string): string => `#!/bin/sh
PATH='${searchPath}'
# It counts as the first word only.
if [ "\${1:-}" = -q ]; then
  shift
  exec curl -q -K '${routes}' "$@"
fi
exec curl -K '${routes}' "$@"
`;
