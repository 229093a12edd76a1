/** A program that runs for as long as the lab needs it: started, waited for, watched, ended by its process id. */
import { execa } from "execa";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a program may take until it answers. Generous: nothing is concluded from it. */
const READY_MS = 60_000;
const LOOK_MS = 20;
/** From SIGTERM to SIGKILL. */
const STOP_MS = 10_000;

export interface ServiceOptions {
  readonly argv: readonly string[];
  /** File for what it prints. */
  readonly log: string;
  /** Its whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Resolves once it serves; asked again and again until then. */
  readonly answers: () => Promise<unknown>;
  /** Told, with the last lines of the log, when it ends although nobody stopped it. */
  readonly onEnd: (reason: string) => void;
}

export class Service {
  #stopping = false;
  #over = false;

  private constructor(
    private readonly options: ServiceOptions,
    private readonly child: ReturnType<typeof spawn>,
  ) {}

  /** Resolves once it answers. @throws Error with the last lines of its log when it does not */
  static async start(options: ServiceOptions): Promise<Service> {
    const service = new Service(options, spawn(options));
    const end = service.child.then(() => (service.#over = true));
    try {
      await service.#ready();
    } catch (error) {
      await service.stop();
      throw error;
    }
    void end.then(() => service.#report());
    return service;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Asks it to end and waits until it has. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.child.kill("SIGTERM");
    await this.child;
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + READY_MS;
    for (;;) {
      const answer = await this.options.answers().then(
        () => null,
        (error: unknown) => error,
      );
      if (answer === null) return;
      if (this.#over || Date.now() > deadline) throw new Error(await this.#words("did not come up"), { cause: answer });
      await sleep(LOOK_MS);
    }
  }

  async #report(): Promise<void> {
    if (!this.#stopping) this.options.onEnd(await this.#words("ended by itself"));
  }

  async #words(what: string): Promise<string> {
    const lines = (await readFile(this.options.log, "utf8")).trimEnd().split("\n");
    return [`${this.options.argv.join(" ")} ${what}:`, ...lines.slice(-10)].join("\n");
  }
}

function spawn({ argv: [file = "", ...rest], environment, log }: ServiceOptions) {
  return execa(file, rest, {
    ...({ stdin: "ignore", stdout: { file: log, append: true }, stderr: { file: log, append: true } } as const),
    ...{ env: environment, extendEnv: false, forceKillAfterDelay: STOP_MS, reject: false, buffer: false },
  });
}
