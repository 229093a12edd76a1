/** What a host tells of its own kernel and of sudo, for `doctor`; nothing is changed by it. */
import { overlap, prefixLength } from "../../../contract/ip-range.js";
import type { Examination, HelperSaid } from "../ports.js";
import type { Parts } from "./frame.js";
import { capped, parts } from "./shell.js";
import { FRONT } from "./steward.js";

const WORDS_BYTES = 4_096;
/** Some 500 routes. */
const ROUTES_BYTES = 65_536;

/** The exit code of a call of the front's helper on a line of its own, then what it said besides its answer. */
const ask = (verb: string): string =>
  capped(`said=$(${FRONT} ${verb} 2>&1 >/dev/null)\nprintf '%s\\n%s\\n' "$?" "$said"`, WORDS_BYTES);

/** The second version has this file at its root, and the first one a folder for each controller. @see https://docs.kernel.org/admin-guide/cgroup-v2.html */
const askCgroups = `if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo 2
elif [ -d /sys/fs/cgroup/memory ]; then echo 1; fi`;

export const examine: string = parts({
  network: ask("network"),
  show: ask("show"),
  cgroups: askCgroups,
  routes: capped("cat /proc/net/route 2>/dev/null || :", ROUTES_BYTES),
});

/** @throws RolloutError HostUnreadable */
export function parseExamination(answer: Parts, privateAddress: string): Examination {
  const version = Number(answer.text("cgroups", WORDS_BYTES).trim());
  return {
    network: saidOf(answer, "network"),
    show: saidOf(answer, "show"),
    cgroups: version === 1 || version === 2 ? version : null,
    privateRange: rangeAround(privateAddress, answer.start("routes", ROUTES_BYTES).text),
  };
}

function saidOf(answer: Parts, name: string): HelperSaid {
  const [code = "", ...words] = answer.start(name, WORDS_BYTES).text.trim().split("\n");
  if (/^\d{1,3}$/.test(code)) return { code: Number(code), words: words.join(" ").trim() };
  throw answer.unreadable(`"${name}" does not begin with an exit code: ${JSON.stringify(code.slice(0, 120))}`);
}

/**
 * The narrowest network that the host is in by itself and that holds the address, as the kernel's routes tell; null where none does.
 * @see https://man7.org/linux/man-pages/man5/proc_pid_net.5.html /proc/net/route
 */
function rangeAround(address: string, routes: string): string | null {
  const around = routes
    .split("\n")
    .map((row) => row.split("\t"))
    .flatMap(([, target = "", gateway = "", , , , , mask = ""]) => {
      const [bits, first] = [bitsOf(mask), addressOf(target)];
      return Number(`0x${gateway}`) === 0 && bits !== null && bits > 0 && first ? [`${first}/${bits}`] : [];
    })
    .filter((range) => overlap(range, `${address}/32`))
    .sort((one, other) => prefixLength(other) - prefixLength(one));
  return around[0] ?? null;
}

/** Bytes of an address, which the kernel prints from the last one to the first, as x86_64 has them in memory. */
function bytesOf(word: string): number[] | null {
  if (!/^[0-9A-Fa-f]{8}$/.test(word)) return null;
  return [6, 4, 2, 0].map((at) => Number.parseInt(word.slice(at, at + 2), 16));
}

const addressOf = (word: string): string | null => bytesOf(word)?.join(".") ?? null;

/** How many ones a mask begins with; null for what is no mask. */
function bitsOf(word: string): number | null {
  const mask = bytesOf(word)
    ?.map((byte) => byte.toString(2).padStart(8, "0"))
    .join("");
  return mask !== undefined && /^1*0*$/.test(mask) ? mask.replaceAll("0", "").length : null;
}
