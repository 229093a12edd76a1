/**
 * What the registry's front decides by itself: who is let in, and the words in which others are turned away.
 * @see https://distribution.github.io/distribution/spec/api/ errors of the registry API
 */

/** Says whether a login holds and may do this. */
export type LoginCheck = (user: string, password: string, action: Action) => boolean;

export type Action = "pull" | "push";

/** An answer that the registry itself never sees. */
export interface Refusal {
  readonly status: 401 | 403 | 429;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const WORDS = {
  401: ["UNAUTHORIZED", "authentication required"],
  403: ["DENIED", "requested access to the resource is denied"],
  429: ["TOOMANYREQUESTS", "too many requests"],
} as const;

/** @param call such as "GET /v2/lab/api/manifests/v1" */
export function refusal(status: Refusal["status"], call: string, realm: string): Refusal {
  const [code, message] = WORDS[status];
  return {
    status,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "docker-distribution-api-version": "registry/2.0",
      ...(status === 401 ? { "www-authenticate": `Basic realm="${realm}"` } : {}),
    },
    // Without details, Docker drops the message and takes the error for one that may pass.
    body: `${JSON.stringify({ errors: [{ code, message, detail: accessOf(call) }] })}\n`,
  };
}

/** What was asked for, as the registry itself would say it. */
function accessOf(call: string): readonly object[] {
  const [, method = "", name] = /^(\w+) \/v2\/(.+)\/(?:manifests|blobs|tags)\//.exec(call) ?? [];
  return name === undefined ? [] : [{ Type: "repository", Class: "", Name: name, Action: actionOf(method) }];
}

const actionOf = (method: string): Action => (method === "GET" || method === "HEAD" ? "pull" : "push");

/** Null for whoever is let in. A login that may only pull is told apart from one that does not hold. */
export function turnedAway(
  { method, authorization }: { readonly method: string; readonly authorization: string | undefined },
  accepts: LoginCheck,
): 401 | 403 | null {
  const login = credentials(authorization);
  if (!login || !accepts(...login, "pull")) return 401;
  return accepts(...login, actionOf(method)) ? null : 403;
}

function credentials(authorization: string | undefined): [user: string, password: string] | null {
  const [, encoded] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? "") ?? [];
  if (encoded === undefined) return null;
  const [user = "", ...password] = Buffer.from(encoded, "base64").toString().split(":");
  return [user, password.join(":")];
}
