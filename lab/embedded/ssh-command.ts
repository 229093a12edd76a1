/** One command over SSH, run by the machine's own /bin/sh. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import type { ServerChannel } from "ssh2";
import { tell, type Lie } from "./liar.js";

export interface CommandSettings {
  /** Home folder, where commands start. */
  readonly home: string;
  /** The whole environment of a command: nothing of the lab's caller. */
  readonly environment: Readonly<Record<string, string>>;
  /** Told of every command before it runs. */
  readonly onCommand?: (command: string) => void;
  /** Told of what came over a command's standard input, once that has ended. */
  readonly onInput?: (input: string) => void;
  /** What the client is told instead of the truth; null: the truth. Asked for each command. @default - the truth */
  readonly lie?: () => Lie | null;
}

/**
 * Runs a command as sshd does without a terminal: in a session of its own, its streams through the channel. When the
 * connection breaks the command is not told: it goes on until it writes to a closed stream, and what it put into the background
 * stays.
 */
export function runCommand(channel: ServerChannel, command: string, settings: CommandSettings): void {
  settings.onCommand?.(command);
  const input: Buffer[] = [];
  channel.on("data", (piece: Buffer) => input.push(piece));
  const child = spawn("/bin/sh", ["-c", command], {
    cwd: settings.home,
    env: { ...settings.environment },
    detached: true,
    stdio: "pipe",
  });
  child.once("close", () => settings.onInput?.(Buffer.concat(input).toString("utf8")));
  const lie = settings.lie?.() ?? null;
  if (lie) {
    deceive(channel, child, lie, input);
    return;
  }
  connect(channel, child);
  child.once("error", (error) => {
    channel.stderr.write(`${error.message}\n`);
    end(channel, 127, null);
  });
  // The code goes out with the last output: "close" is when nobody holds the streams any more, as with sshd.
  child.once("close", (code, signal) => end(channel, code, signal));
}

/** Runs the command to its end and tells something else. */
function deceive(
  channel: ServerChannel,
  child: ChildProcessWithoutNullStreams,
  lie: Lie,
  input: readonly Buffer[],
): void {
  const stdout: Buffer[] = [];
  tolerate(channel, child);
  channel.pipe(child.stdin);
  child.stdout.on("data", (piece: Buffer) => stdout.push(piece));
  child.stderr.resume();
  child.once("close", (code) => {
    const honest = { input: Buffer.concat(input), stdout: Buffer.concat(stdout), code: code ?? 1 };
    void tell(channel, lie(honest));
  });
}

/** A command may end without reading its input, and a client without reading the output. */
function tolerate(channel: ServerChannel, child: ChildProcessWithoutNullStreams): void {
  for (const stream of [channel, channel.stderr, child.stdin, child.stdout, child.stderr]) {
    stream.on("error", () => undefined);
  }
}

function connect(channel: ServerChannel, child: ChildProcessWithoutNullStreams): void {
  tolerate(channel, child);
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  channel.once("close", () => {
    child.stdin.destroy();
    child.stdout.destroy();
    child.stderr.destroy();
  });
}

function end(channel: ServerChannel, code: number | null, signal: NodeJS.Signals | null): void {
  if (channel.destroyed) return;
  if (signal) channel.exit(signal.replace("SIG", ""));
  else channel.exit(code ?? 0);
  // What it wrote may still wait for the client to take it.
  channel.end(() => channel.close());
}
