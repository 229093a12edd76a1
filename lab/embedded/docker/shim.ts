/**
 * Commands on a droplet that the world carries out, such as `docker`. A few lines of sh around curl, because it is called often: it starts in a third of the time
 * that Node takes. It asks the world over a Unix socket and gives stdout, stderr and exit code back byte by byte.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Output } from "./commands.js";

/** The answer's status is 200 for "exit code 0 and nothing on stderr", else this plus the exit code. */
const CODE_BASE = 600;

/**
 * The script.
 * @param socket an absolute path without quotes
 * @param away what it says where nobody answers, without quotes
 */
export const shimScript = (socket: string, away: string): string => `#!/bin/sh
# A command line in the lab: hands its words to the world and gives back what that answers.
exec 3>&1
ask() { curl -q -s --noproxy '*' --unix-socket '${socket}' "$@"; }
status=$(printf '%s\\0' "$PWD" "$@" | ask --data-binary @- -w '%{stderr}%{http_code}' "http://lab/run?$$" 2>&1 >&3)
if [ "$status" = 200 ]; then exit 0; fi
if [ "$status" -lt ${CODE_BASE} ]; then
  echo '${away}' >&2
  exit 1
fi
ask "http://lab/stderr?$$" >&2
exit $((status - ${CODE_BASE}))
`;

/** Answers shims: `run` gets the caller's folder and words. */
export function shimServer(run: (folder: string, words: readonly string[]) => Promise<Output> | Output): Server {
  const stderr = new Map<string, string>();
  return createServer((request, response) => {
    const [route, caller = ""] = (request.url ?? "").split("?");
    if (route === "/stderr") {
      response.end(stderr.get(caller) ?? "");
      stderr.delete(caller);
      return;
    }
    void answer(request, response, run).then((text) => text && stderr.set(caller, text));
  });
}

/** Resolves with what belongs on stderr, before the answer has ended. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  run: (folder: string, words: readonly string[]) => Promise<Output> | Output,
): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const [folder = "", ...words] = Buffer.concat(chunks).toString().split("\0").slice(0, -1);
  const output = await run(folder, words);
  const plain = output.exitCode === 0 && output.stderr === "";
  response.writeHead(plain ? 200 : CODE_BASE + output.exitCode, { "content-type": "text/plain", connection: "close" });
  // The shim asks for stderr only once it has this answer whole, so that the text is there by then.
  setImmediate(() => response.end(output.stdout));
  return output.stderr;
}
