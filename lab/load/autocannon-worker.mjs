/**
 * The second tool's process: autocannon on a URL until standard input ends, then one line with what each instance counted. An
 * instance has one connection and sends one request a second: with more, autocannon would send all of a second at once, and count
 * more at its start than it sends.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import autocannon from "autocannon";

const { url, connections, timeoutSeconds } = JSON.parse(process.argv[2]);
/** It wants an end beforehand: later than any load's. */
const DURATION_SECONDS = 20 * 86_400;

const clients = [];
const results = Array.from({ length: connections }, (_, index) => counted((index * 1000) / connections));
const allStarted = sleep(1000);
await once(process.stdin.resume(), "end");
await allStarted;
// Its own stop would cut off what is under way; a client at its limit waits for its answer and leaves.
for (const client of clients) client.responseMax = client.reqsMade;
process.stdout.write(`${JSON.stringify(await Promise.all(results))}\n`);

async function counted(afterMs) {
  await sleep(afterMs);
  const result = await autocannon({
    url,
    connections: 1,
    overallRate: 1,
    duration: DURATION_SECONDS,
    timeout: timeoutSeconds,
    setupClient: (client) => clients.push(client),
  });
  return { sent: result.requests.sent, ok: result["2xx"] };
}
