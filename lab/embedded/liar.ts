/**
 * A droplet that lies: an intruder has root there. It lies in two places. Over SSH it changes what any command answers, whatever the
 * command was ({@link Lie}); framed-lies.ts has those that keep the answer's form. On the droplet its own programs stand before the honest ones ({@link lyingPrograms}).
 */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ServerChannel } from "ssh2";

export type Piece = string | Buffer;

/** What a command was given, what it really printed, and how it ended. */
export interface Honest {
  /** All that came over its standard input: whoever is root there reads it. */
  readonly input: Buffer;
  readonly stdout: Buffer;
  readonly code: number;
}

/** What the client is told instead. The output may be endless: no more of it is made than the client takes. */
export interface Told {
  readonly output: Iterable<Piece> | AsyncIterable<Piece>;
  /** @default - nothing */
  readonly errors?: string;
  readonly code: number;
}

/** Every command is really run before the lie is told. */
export type Lie = (honest: Honest) => Told;

/** Tells a lie to the end, or until the client goes away. */
export async function tell(channel: ServerChannel, { output, errors = "", code }: Told): Promise<void> {
  channel.stderr.write(errors);
  // A client that has heard enough closes the channel; that is no error of the droplet's.
  await pipeline(Readable.from(output, { objectMode: false }), channel, { end: false }).catch(() => undefined);
  if (channel.destroyed) return;
  channel.exit(code);
  channel.end(() => channel.close());
}

/**
 * A script that stands before the honest program of its name. It finds the honest one by {@link AS_IS}.
 * Each goes by words of the command line that every version of the rollout has to use.
 */
export interface LyingProgram {
  readonly name: string;
  readonly script: string;
}

/** Runs the honest program with the same arguments: the folder of the lies is the first of the search path. */
const AS_IS = (name: string): string => `PATH=\${PATH#*:}\nexec ${name} "$@"\n`;

/** A steward in place of the real one. @param life what it does in its run's folder, in POSIX sh */
const steward = (life: string): LyingProgram => ({
  name: "sh",
  script: `#!/bin/sh
case \${1-} in */steward.sh) ;; *) exec /bin/sh "$@" ;; esac
cd "\${1%/*}" || exit 1
say() { printf '%s\\t%s\\t%s\\n' "$1" "$2" "$3" >>journal; }
owner=$3
awaken() {
  echo "$$" >pid
  say 0 held "$owner"
}
# As long as the lie stands.
lives() { [ -e "$0" ] && [ -e journal ]; }
${life}
`,
});

/** Screen orders of a terminal, and orders to GitHub, as a text of one line. */
export const SCREEN_ORDERS = "\u001b]0;pwned\u0007\u001b[2J\u001b[31m";
export const GITHUB_ORDER = "::error title=pwned::pwned";

const endless = function* (piece: Piece): Generator<Piece> {
  for (;;) yield piece;
};

const bytes = async function* (text: Buffer, everyMs: number): AsyncGenerator<Piece> {
  for (const byte of text) {
    yield Buffer.of(byte);
    await new Promise((settle) => setTimeout(settle, everyMs).unref());
  }
};

const afterEachLine = (text: Buffer, more: Buffer): Buffer =>
  Buffer.concat(
    text
      .toString("latin1")
      .split("\n")
      .flatMap((line) => [Buffer.from(line, "latin1"), more, Buffer.from("\n")]),
  );

/** Lies over SSH, by what the client gets. */
export const lies = {
  /** An hour for a few hundred bytes. */
  "one byte in ten seconds": ({ stdout, code }) => ({ output: bytes(stdout, 10_000), code }),
  "fifty megabytes": ({ stdout, code }) => ({
    output: [stdout, ...Array.from({ length: 50 }, () => Buffer.alloc(1_000_000, "x")), stdout],
    code,
  }),
  "output without an end": () => ({ output: endless(Buffer.alloc(65_536, "y\n")), code: 0 }),
  "nothing, and a good end": () => ({ output: [], code: 0 }),
  "every answer twice": ({ stdout, code }) => ({ output: [stdout, stdout], code }),
  "another exit code in its text": ({ stdout, code }) => ({ output: [stdout.subarray(0, -1), "7"], code }),
  "invalid UTF-8 and NULs in every line": ({ stdout, code }) => ({
    output: [afterEachLine(stdout, Buffer.of(0xff, 0xfe, 0x00, 0xc3))],
    code,
  }),
  "orders to the screen and to GitHub": ({ stdout, code }) => ({
    output: [`${SCREEN_ORDERS}\n${GITHUB_ORDER}\n`, afterEachLine(stdout, Buffer.from(SCREEN_ORDERS))],
    errors: `${SCREEN_ORDERS}\n${GITHUB_ORDER}\n##[error]pwned\n`,
    code,
  }),
  "a failure with a megabyte of errors": () => ({
    output: [],
    errors: `${GITHUB_ORDER}${SCREEN_ORDERS}${"z".repeat(1000)}\n`.repeat(1000),
    code: 1,
  }),
} as const satisfies Readonly<Record<string, Lie>>;

const docker = (lie: string): LyingProgram => ({ name: "docker", script: `#!/bin/sh\n${lie}\n${AS_IS("docker")}` });

/** Lies of the droplet's own programs. */
export const lyingPrograms = {
  /** It refuses the lock for a holder that there is not. */
  "a lock that is held": steward(`say 0 refused 'somebody ${SCREEN_ORDERS}'`),
  /** It lives and beats, and does nothing that it is told. */
  "a steward that lives and does nothing": steward("awaken\nwhile lives; do sleep 0.2; done"),
  /** It writes down every order as done and does none. */
  "a steward that only says that all is done": steward(`awaken
last=0
while lives; do
  for file in order.*; do
    number=\${file#order.}
    case $number in '' | *[!0-9]*) continue ;; esac
    if [ "$number" -le "$last" ]; then continue; fi
    last=$number
    read -r order rest <"$file" || :
    say "$number" "done" "$order"
    if [ "$order" = leave ]; then
      say 0 left "\${PWD##*/}"
      exit
    fi
  done
  sleep 0.1
done`),
  /** Its journal holds what no steward writes. */
  "a journal of garbage": steward(`awaken
printf 'no line of a journal \\377\\000 ${GITHUB_ORDER}\\n99999999999999999999\\tdone\\tcommit\\n-1\\theld\\n' >>journal
while lives; do sleep 0.2; done`),
  /** Nothing was pulled, and Docker shows the image that was asked for. */
  'a pull that "worked"': docker(`for word; do
  case $word in pull) exit 0 ;; esac
  case $word in *@sha256:*) image=$word ;; esac
done
case $* in
  'image inspect'*)
    case $(uname -m) in aarch64 | arm64) architecture=arm64 ;; *) architecture=amd64 ;; esac
    printf '[["%s"],"%s"]\\n' "$image" "$architecture"
    exit 0
    ;;
esac`),
  /** The serving container carries orders to the screen where its image should be; a second one claims the same name. */
  "containers that are not there": docker(`case $* in
  *inspect*container*'[{{json .Name}}'*)
    honest=$(PATH=\${PATH#*:} docker "$@" 2>/dev/null)
    printf '%s\\n' "$honest"
    printf '%s\\n' "$honest" | sed 's/@sha256:[0-9a-f]*/\\\\u001b[2J&/'
    exit 0
    ;;
esac`),
} as const satisfies Readonly<Record<string, LyingProgram>>;
