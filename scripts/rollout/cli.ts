/** The command line: reads the input, runs one command, says how it ended with its exit code. */
import path from "node:path";
import { Command, CommanderError, Option } from "commander";
import { InvalidInput } from "../../contract/problems.js";
import { environmentNames as names, type Manifest } from "../../contract/manifest.js";
import { readSource, stateFolder, whoRuns } from "./adapters/files.js";
import { lastRun } from "./adapters/last-run.js";
import { RunRecord, RUNS_FOLDER } from "./adapters/record.js";
import { insistOnRecordKeys, recordKeysHere, type RecordKeysHere } from "./adapters/record-key.js";
import { insistOnSsh } from "./adapters/ssh.js";
import { stopSignal } from "./adapters/signals.js";
import { systemClock } from "./adapters/system.js";
import { doctorPorts, guardPorts, lookCloud, realPorts, sshHosts } from "./compose.js";
import { isAsAssumed, type Finding } from "./core/doctor.js";
import { exitCodes, type ExitCode } from "./core/errors.js";
import { doctor } from "./doctor.js";
import { guard } from "./guard.js";
import {
  hiddenValues,
  readGuard,
  readImage,
  readPinnedImage,
  readManifest,
  readRecordKeys,
  readRegistryLogin,
  readStartedByTerraform,
  readSecrets,
  readSkipPreDeploy,
  readWait,
  type Environment,
} from "./input.js";
import { doctorText } from "./output/doctor-text.js";
import { outTo } from "./output/out.js";
import { showable } from "./output/shown.js";
import {
  createOutput,
  guardStreams,
  isCi,
  outputKinds,
  type Output,
  type OutputKind,
  type Streams,
} from "./output/sinks.js";
import { statusText } from "./output/status-text.js";
import { summaryMarkdown } from "./output/summary/summary.js";
import type { Events } from "./ports.js";
import type { Wanted } from "./context.js";
import { rollout } from "./run.js";
import { readSynthesized, STACK_FILE, type SynthesizedStack } from "./synthesized.js";
import { lookAtHosts, verdict, type FleetLook } from "./status.js";

const DEFAULT_OUTPUTS = "outputs.json";
/** Live displays are drawn this often. */
const TICK_MS = 100;

interface Options {
  readonly outputs?: string;
  readonly stack?: string;
  readonly from?: string;
  readonly image?: string;
  readonly output: OutputKind;
  readonly wait?: string;
}

interface World {
  readonly environment: Environment;
  readonly streams: Streams;
}

/** Runs the command line and gives back its exit code. Bad input is one line each on stderr and code 2. */
export async function main(argv: readonly string[], environment: Environment, streams: Streams): Promise<ExitCode> {
  guardStreams(streams);
  let exitCode: ExitCode = exitCodes.onTarget;
  const program = build({ environment, streams }, (code) => (exitCode = code));
  try {
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.onTarget : exitCodes.badInput;
    if (!(error instanceof InvalidInput)) throw error;
    outTo(streams.stderr).text(`${error.message}\n`);
    return exitCodes.badInput;
  }
}

function build(world: World, end: (code: ExitCode) => void): Command {
  const { streams, environment } = world;
  const print = outTo(streams.stdout).text;
  const program = new Command("rollout")
    .description("Brings every host of the fleet onto one release, one after the other, without a failed request.")
    .exitOverride()
    .configureOutput({
      writeOut: print,
      writeErr: outTo(streams.stderr).text,
    });
  const command = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .option(
        "--outputs <file>",
        `file written by cdktf output --outputs-file (default: ${names.manifest}, else ${DEFAULT_OUTPUTS})`,
      )
      .option("--stack <name>", "stack within the outputs file, when it has several");
  command("deploy", "roll out an image, or put the fleet back onto the serving one")
    .option("--image <image>", `image by digest or tag; empty keeps the serving one (default: ${names.image})`)
    .addOption(outputOption())
    .option(...waitOption)
    .action(async (options: Options) => {
      const image = readImage(options.image ?? environment[names.image] ?? "");
      end(await bring(world, options, { do: "deploy", image }));
    });
  command("rollback", "go back to the release before the serving one, with the settings that it had")
    .addOption(outputOption())
    .option(...waitOption)
    .action(async (options: Options) => end(await bring(world, options, { do: "rollback" })));
  command("status", "show what each host runs and where a rollback would lead; changes nothing").action(
    async (options: Options) => {
      print(statusText(await lookFrom(manifestOf(options, environment), world)));
    },
  );
  command("verify", "exit 0 when every host serves one and the same release")
    .option("--image <image>", `image by digest that they must serve (default: ${names.image}, else any)`)
    .action(async (options: Options) => {
      const image = readPinnedImage(options.image ?? environment[names.image] ?? "");
      const { rows } = await lookFrom(manifestOf(options, environment), world);
      const { exitCode, message } = verdict(rows, image);
      print(`${message}\n`);
      end(exitCode);
    });
  command("doctor", "find out whether droplets and balancer are as Evenkeel assumes; changes nothing").action(
    async (options: Options) => end(await examine(world, options)),
  );
  program
    .command("summary")
    .description("show what the last rollout from this machine did, as Markdown; asks nobody")
    .action(() => print(summaryMarkdown(lastRun(environment))));
  program
    .command("key")
    .description(
      "print the key that signs the record of what the fleet served, for another operator or a CI's secrets; makes one where there is none",
    )
    .action(() => print(`${keyToPrint(environment)}\n`));
  program
    .command("guard")
    .description(
      "say whether droplets and balancer may be changed to what is declared; Terraform runs it, and changes nothing before",
    )
    .option(
      "--from <folder>",
      `folder of a synthesized stack, such as cdktf.out/stacks/api-production: asks by hand, whatever was applied before, and looks whether a rollout from here would have ssh and the app's secrets (default: ${names.guard})`,
    )
    .addOption(outputOption())
    .action(async (options: Options) => end(await stand(world, options)));
  return program;
}

/** @throws InvalidInput in a CI: what is printed there is in its log */
function keyToPrint(environment: Environment): string {
  if (!isCi(environment)) return insistOnRecordKeys(environment).keys.join(",");
  throw new InvalidInput("environment", [
    `CI: got ${JSON.stringify(environment["CI"])}; needs nothing, as the key would be in the log: print it on a machine of yours`,
  ]);
}

/** The guard, which needs no manifest and leaves no record. */
async function stand({ environment, streams }: World, { output: kind, from }: Options): Promise<ExitCode> {
  const stack = from === undefined ? null : synthesizedIn(from, environment);
  const input = stack?.guard ?? readGuard(environment);
  const secrets = hiddenValues(environment, stack?.service.secrets);
  const { sink } = createOutput({ kind, streams, environment, secrets, now: () => systemClock.now() });
  const ports = guardPorts(input, environment, sink);
  const stop = stopSignal();
  try {
    return await guard(input, ports, stop.signal);
  } finally {
    stop.dispose();
    sink.close();
    await ports.dispose();
  }
}

/** @throws InvalidInput also when a rollout from here would lack something */
function synthesizedIn(folder: string, environment: Environment): SynthesizedStack {
  const stack = readSynthesized(readSource(path.join(folder, STACK_FILE), "npm run synth"));
  readSecrets(environment, stack, false);
  readRecordKeys(environment);
  insistOnSsh();
  return stack;
}

const outputOption = (): Option =>
  new Option("--output <kind>", "how progress is shown").choices(outputKinds).default("auto").env(names.output);

const waitOption = [
  "--wait <seconds>",
  `wait so long for another rollout to end (default: ${names.wait}, else 0)`,
] as const;

async function bring(world: World, options: Options, wanted: Wanted): Promise<ExitCode> {
  // Before anything is opened or written: from here on a signal is an order, not an end.
  const stop = stopSignal();
  try {
    return await bringUntil(world, options, wanted, stop.signal);
  } finally {
    stop.dispose();
  }
}

async function bringUntil(
  { environment, streams }: World,
  options: Options,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<ExitCode> {
  const manifest = manifestOf(options, environment);
  const asked = {
    manifest,
    wanted,
    waitSeconds:
      options.wait === undefined
        ? readWait(names.wait, environment[names.wait] || "0")
        : readWait("--wait", options.wait),
    startedByTerraform: readStartedByTerraform(environment),
    registryLogin: readRegistryLogin(environment),
    skipPreDeploy: readSkipPreDeploy(environment),
    secrets: readSecrets(environment, manifest, wanted.do === "rollback"),
    owner: whoRuns(),
  };
  // One that cannot be used is refused before anything is opened.
  recordKeysHere(environment);
  const opened: Opened[] = [];
  const ports = realPorts(manifest, environment, (runId) => {
    const one = openOutput({ environment, streams }, options.output, manifest, runId);
    opened.push(one);
    return both(one.record, one.output.sink);
  });
  const [one] = opened;
  if (!one) throw new Error("the ports were opened without events");
  const { output, record, recordKeys } = one;
  const timer = setInterval(() => output.sink.tick(), TICK_MS);
  try {
    const request = { ...asked, recordKeys: recordKeys.keys, recordKeyMade: recordKeys.made };
    const receipt = await rollout({ ...request, signal }, ports);
    output.sink.close();
    output.result(receipt);
    record.finish(receipt);
    return receipt.exitCode;
  } finally {
    clearInterval(timer);
    await ports.dispose();
  }
}

interface Opened {
  readonly output: Output;
  readonly record: RunRecord;
  readonly recordKeys: RecordKeysHere;
}

/** What a rollout is shown and written down with; the key of the history is never shown. */
function openOutput({ environment, streams }: World, kind: OutputKind, manifest: Manifest, runId: string): Opened {
  const recordKeys = insistOnRecordKeys(environment);
  const secrets = [...hiddenValues(environment, manifest.service.secrets), ...recordKeys.keys];
  const output = createOutput({ kind, streams, environment, secrets, now: () => systemClock.now() });
  const folder = path.join(stateFolder(environment), RUNS_FOLDER, runId);
  const record = new RunRecord(folder, secrets, (why) => outTo(streams.stderr).text(`${why}\n`));
  return { output, record, recordKeys };
}

const both = (first: Events, second: Events): Events => ({
  emit(event) {
    first.emit(event);
    second.emit(event);
  },
});

/** From `--outputs`, else from the environment, else from outputs.json. */
function manifestOf({ outputs, stack }: Options, environment: Environment): Manifest {
  const text = environment[names.manifest];
  const source =
    outputs === undefined && text ? { name: names.manifest, text } : readSource(outputs ?? DEFAULT_OUTPUTS);
  return readManifest(source, stack);
}

/** Code 0 where nothing is found that is not as assumed, else 3. */
async function examine({ environment, streams }: World, options: Options): Promise<ExitCode> {
  const manifest = manifestOf(options, environment);
  const shown = showable([
    ...hiddenValues(environment, manifest.service.secrets),
    ...(recordKeysHere(environment) ?? []),
  ]);
  const ports = doctorPorts(manifest, environment);
  try {
    const findings = await doctor(manifest, ports);
    // Question and answer are our own words: a secret that happens to be one of them takes nothing away.
    const clean = ({ question, answer, ...words }: Finding): Finding =>
      ({ question, answer, ...shown(words) }) as Finding;
    outTo(streams.stdout).text(doctorText(findings.map(clean)));
    return isAsAssumed(findings) ? exitCodes.onTarget : exitCodes.preflightRefused;
  } finally {
    await ports.dispose();
  }
}

async function lookFrom(manifest: Manifest, { environment, streams }: World): Promise<FleetLook> {
  const keys = recordKeysHere(environment);
  const cloud = lookCloud(manifest, environment);
  const hosts = sshHosts(manifest, environment);
  try {
    const shown = showable([...hiddenValues(environment, manifest.service.secrets), ...(keys ?? [])]);
    const look = shown(await lookAtHosts(manifest, hosts, keys, systemClock, cloud));
    if (look.unread !== null)
      outTo(streams.stderr).text(
        `hosts are judged by the health check that the manifest declares, as the balancer's own is not known: ${look.unread}\n`,
      );
    return look;
  } finally {
    hosts.dispose();
  }
}
