/**
 * What a rollout needs of a host, shown by what the tools do and not by their names: a tool of another system may have the name and not the option.
 * Each check prints nothing where it holds, else one line that says what to change.
 */
import { FRONT, processFunctions } from "./steward.js";

export interface Check {
  /** Shell text that fails, or prints something else than `shows`, where the host is unfit. */
  readonly does: string;
  readonly shows: string;
  readonly needs: string;
}

export const checks: readonly Check[] = [
  { does: "printf 12345 | head -c 3", shows: "123", needs: "a head that knows -c (coreutils or busybox)" },
  { does: "printf '1\\n2\\n' | tail -n 1", shows: "2", needs: "a tail that knows -n" },
  { does: "printf 12345 | tail -c 2", shows: "45", needs: "a tail that knows -c" },
  { does: "echo 'a 7' | awk -v n=1 '{ print $2 + n }'", shows: "8", needs: "awk (mawk, gawk or busybox)" },
  { does: "printf 'a\\tb' | tr '\\t' ' '", shows: "a b", needs: "tr" },
  { does: "echo 'P=1' | sed -n 's/^P=//p'", shows: "1", needs: "sed" },
  { does: "echo '1.25 3' | cut -d ' ' -f 1", shows: "1.25", needs: "a cut that knows -d and -f" },
  {
    does: `printf '%d%d' "$(($(printf 'a\\nb\\n' | wc -l)))" "$(($(printf 123 | wc -c)))"`,
    shows: "23",
    needs: "a wc that knows -l and -c",
  },
  {
    does: "echo yes | grep -q '^y' && ! echo no | grep -q '^y' && echo finds",
    shows: "finds",
    needs: "a grep that knows -q",
  },
  {
    does: "case $(date +%s) in '' | *[!0-9]*) ;; *) echo tells ;; esac",
    shows: "tells",
    needs: "a date that knows +%s",
  },
  {
    does: "sleep 0.1 && echo slept",
    shows: "slept",
    needs: "a sleep that takes parts of a second (coreutils or busybox)",
  },
  {
    does: 'mkdir "$probe/runs" "$probe/runs/one" && ls -1t "$probe/runs"',
    shows: "one",
    needs: "an ls that knows -1 and -t",
  },
  {
    does: `df -Pk . | { read -r _ && read -r _ _ _ free _ && case $free in '' | *[!0-9]*) ;; *) echo tells ;; esac; }`,
    shows: "tells",
    needs: "a df that knows -P and -k",
  },
  {
    does: 'ln -s one "$probe/link" && ! ln -s two "$probe/link" && readlink "$probe/link"',
    shows: "one",
    needs: "symbolic links in the home folder, made once only, and readlink",
  },
  {
    does: 'echo new >"$probe/a" && echo old >"$probe/b" && mv -f "$probe/a" "$probe/b" && cat "$probe/b"',
    shows: "new",
    needs: "mv that takes a file's place",
  },
  {
    does: `sh -c '${processFunctions.replaceAll("'", `'\\''`)}
case $(arguments_of "$$") in *evenkeel-probe*) ;; *) exit ;; esac
(exit 0) & ended=$!; wait "$ended"; case $(arguments_of "$ended") in "") echo tells ;; esac' evenkeel-probe`,
    shows: "tells",
    needs: "/proc, or a ps that knows -o and -p (procps)",
  },
  { does: "nohup sh -c 'echo ran' </dev/null", shows: "ran", needs: "nohup" },
  {
    does: `${FRONT} network >/dev/null && case $(${FRONT} traffic evenkeel-probe 1 0 1 2>&1) in *"switch NAME ADDRESS"* | *"not 1 to 300000"*) ;; *) echo works ;; esac`,
    shows: "works",
    needs: `the front's helper of this version ("${FRONT} network" fails, or it does not know "traffic" with a process); root puts it in place once (docs/any-balancer.md), and a droplet that has none is replaced`,
  },
  {
    does: "curl -q -g --path-as-is --noproxy '*' -sS --max-time 2 -o /dev/null -w '%{http_code}' 'http://127.0.0.1:1/[1-2]{a}' || :",
    shows: "000",
    needs: "curl that knows -q, -g, --path-as-is, --noproxy and -w",
  },
];

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const check = ({ does, shows, needs }: Check): string =>
  `{ shown=$(${does}); } 2>/dev/null\nif [ "$shown" != ${quoted(shows)} ]; then printf '%s\\n' ${quoted(`needs ${needs}`)}; fi`;

/** Prints what this host lacks, one a line. Leaves nothing behind. To be run in the fleet's folder. */
export const missingTools = `probe=$PWD/probe.$$
rm -rf "$probe"
if mkdir "$probe" 2>/dev/null; then
${checks.map(check).join("\n")}
rm -rf "$probe"
else
printf '%s\\n' "needs a home folder that can be written to ($PWD); look at \\"df -h\\" and its owner"
fi`;
