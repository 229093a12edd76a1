/** The article's own workflow for one droplet, step by step as it is written there, as remote commands. Pure. */
import { healthCheck, type ObservedCheck } from "../../contract/policy.js";
import { blindWaitMs } from "../../scripts/rollout/core/floor.js";
import { quote } from "../../scripts/rollout/commands/shell.js";

/** One command for a droplet's shell. */
export interface RemoteStep {
  readonly name: string;
  readonly command: string;
  /** Given to its standard input. */
  readonly input?: string;
  /** The workflow goes on when the command fails. */
  readonly mayFail?: boolean;
}

/** What the article sleeps, in seconds. */
export interface Waits {
  /** Between `/shutdown` and the stop. */
  readonly ejectionSeconds: number;
  /** Between the start and the check of health. */
  readonly admissionSeconds: number;
}

export interface ImageAndLogin {
  readonly image: string;
  /** Docker configuration with a short-lived login for the image's registry. */
  readonly login: string;
}

/** (threshold + 1) x interval, as the article computes them: 30 s and 40 s for its balancer. */
export const articleWaits = (check: ObservedCheck): Waits => ({
  ejectionSeconds: blindWaitMs(check.unhealthyThreshold, check) / 1000,
  admissionSeconds: blindWaitMs(check.healthyThreshold, check) / 1000,
});

/** Steps 1 to 7 of the article's job for one droplet. */
export const articleSteps = (release: ImageAndLogin, waits: Waits): RemoteStep[] => [
  ...pullSteps(release),
  { name: "shutdown", command: "curl http://localhost/shutdown", mayFail: true },
  { name: "wait for ejection", command: `sleep ${waits.ejectionSeconds}` },
  ...swapSteps(release),
  { name: "wait for admission", command: `sleep ${waits.admissionSeconds}` },
  { name: "check", command: "curl --fail http://localhost/health" },
];

/**
 * The login is left on the droplet, in the file where `doctl registry login` puts it. Docker is told of the folder although it
 * is the usual one: the embedded lab's looks nowhere else.
 */
export const pullSteps = ({ image, login }: ImageAndLogin): RemoteStep[] => [
  { name: "login", command: 'umask 077; mkdir -p "$HOME/.docker" && cat >"$HOME/.docker/config.json"', input: login },
  { name: "pull", command: `docker --config "$HOME/.docker" pull ${quote(image)}` },
];

export const swapSteps = (release: ImageAndLogin): RemoteStep[] => [
  { name: "stop", command: "docker stop api", mayFail: true },
  { name: "remove", command: "docker rm api", mayFail: true },
  runStep(release),
];

/** The declared check asks a port of its own, the article's the service port: both lead to the same container. */
const CHECK_PORT = healthCheck.parse({}).port;

export const runStep = ({ image }: ImageAndLogin): RemoteStep => ({
  name: "run",
  command: `docker run -d --restart always -p 0.0.0.0:80:80 -p 0.0.0.0:${CHECK_PORT}:80 --name api ${quote(image)}`,
});
