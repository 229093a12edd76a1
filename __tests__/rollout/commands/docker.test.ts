import { describe, expect, it } from "@jest/globals";
import { service } from "../../../contract/policy.js";
import * as docker from "../../../scripts/rollout/commands/docker.js";
import { line } from "../../../scripts/rollout/commands/shell.js";
import { releaseOf } from "../../../scripts/rollout/core/target.js";
import { testImage } from "../../support/fleet.js";

const image = testImage(1);
const run = (settings: object): string => {
  const release = { ...releaseOf(image, service.parse(settings), "/health"), id: "00112233445566aa" };
  return line(docker.run("api", "current", release));
};

const labelled = "--label evenkeel.fleet=api --label evenkeel.release=00112233445566aa";
const usual =
  "--log-driver json-file --log-opt max-size=10m --log-opt max-file=3 --pids-limit 1024 --cap-drop ALL --security-opt no-new-privileges --read-only --tmpfs /tmp:size=64m";

describe("docker run", () => {
  it("labels, limits restarts, publishes the service port on loopback only, and gives no rights", () =>
    expect(run({})).toBe(
      `--name api ${labelled} --restart no --init --stop-timeout 10 -p 127.0.0.1::80 --env-file releases/00112233445566aa.env ${usual} ${image}`,
    ));

  it("puts limits before the image and the command after it", () =>
    expect(
      run({
        ...{ port: 8080, memoryMb: 256, cpus: 0.5, stopTimeoutSeconds: 45 },
        command: ["node", "-r", "x"],
      }),
    ).toBe(
      `--name api ${labelled} --restart no --init --stop-timeout 45 -p 127.0.0.1::8080 --env-file releases/00112233445566aa.env --memory 256m --cpus 0.5 ${usual} ${image} node -r x`,
    ));

  it("mounts folders, for reading only unless told otherwise", () =>
    expect(
      run({
        mounts: [
          { source: "/srv/a", target: "/a" },
          { source: "/srv/b", target: "/b", readOnly: false },
        ],
      }),
    ).toContain(" --mount type=bind,src=/srv/a,dst=/a,readonly --mount type=bind,src=/srv/b,dst=/b "));

  it("gives back what the configuration says", () =>
    expect(
      run({
        log: { maxSizeMb: 50, maxFiles: 2 },
        isolation: {
          ...{ readOnlyRootFilesystem: false, tmpfs: { "/run": 8 }, capabilities: ["CHOWN", "SETUID"] },
          ...{ allowPrivilegeEscalation: true, pidsLimit: 64 },
        },
      }),
    ).toContain(
      ` --log-driver json-file --log-opt max-size=50m --log-opt max-file=2 --pids-limit 64 --cap-drop ALL --cap-add CHOWN --cap-add SETUID --tmpfs /run:size=8m ${image}`,
    ));

  it("mounts secrets as files from the fleet's folder, by an absolute path", () =>
    expect(run({ secrets: ["KEY"] })).toContain(
      ` --mount type=bind,src="$PWD"/releases/00112233445566aa.secrets,dst=/run/secrets,readonly `,
    ));

  it("mounts none that the app finds in its environment", () =>
    expect(run({ secrets: ["KEY"], secretsAs: "environment" })).toBe(run({})));

  it("publishes nothing for a port that the balancer is to change over to: the front has it", () =>
    expect(run({ nextPort: 8080 })).toBe(run({})));

  it("never lets a word of the command reach the shell", () =>
    expect(
      run({ command: ["sh", "-c", `echo "$HOME" 'a' \`id\`; exit`, "", "two\nlines"] }).split(`${image} `)[1],
    ).toBe(`sh -c 'echo "$HOME" '\\''a'\\'' \`id\`; exit' '' 'two\nlines'`));

  it("keeps the environment out of the command line", () =>
    expect(run({ environment: { GREETING: "hello there" } })).toBe(run({})));

  it("names the container after its slot", () => {
    const release = releaseOf(image, service.parse({}), "/health");
    expect(line(docker.run("api", "previous", release))).toMatch(/^--name api-previous --label evenkeel\.fleet=api /);
  });

  it("runs a pre-deploy command in the same surroundings, and lets nobody reach it", () => {
    const release = { ...releaseOf(image, service.parse({ secrets: ["KEY"] }), "/health"), id: "00112233445566aa" };
    expect(line(docker.runPreDeploy("api", "k7m2q9", release, ["npm", "run", "migrate"]))).toBe(
      `docker run -d --name api-pre-deploy ${labelled} --label evenkeel.run=k7m2q9 --restart no --init --stop-timeout 10 --env-file releases/00112233445566aa.env --mount type=bind,src="$PWD"/releases/00112233445566aa.secrets,dst=/run/secrets,readonly ${usual} ${image} npm run migrate`,
    );
  });
});

describe("every other docker command", () => {
  it.each<[string, string[], string]>([
    ["stop", docker.stop("api", 10), "docker stop -t 10 api"],
    ["start", docker.start("api"), "docker start api"],
    ["rename", docker.rename("api", "api-previous"), "docker rename api api-previous"],
    ["remove", docker.remove("api-failed"), "docker rm -f api-failed"],
    ["restartPolicy, off", docker.restartPolicy("api", "no"), "docker update --restart=no api"],
    ["restartPolicy, on", docker.restartPolicy("api", "always"), "docker update --restart=always api"],
    [
      "inspect, whole",
      docker.inspect(["api", "api-failed"], docker.CONTAINER_FORMAT),
      `docker inspect --type container --format '[{{json .Name}},{{json .Id}},{{json .Config.Image}},{{json (index .Config.Labels "evenkeel.release")}},{{json .State.Running}},{{json .State.Restarting}},{{json .RestartCount}},{{json .State.ExitCode}},{{json .State.Status}},{{json .State.FinishedAt}}]' api api-failed`,
    ],
    [
      "inspect, alive",
      docker.inspect(["api"], docker.ALIVE_FORMAT),
      "docker inspect --type container --format '{{.State.Running}}|{{.State.Restarting}}|{{.RestartCount}}' api",
    ],
    ["logs", docker.logs("api-failed", 20), "docker logs --tail 20 api-failed"],
    ["serverVersion", docker.serverVersion(), "docker version --format '{{.Server.Version}}'"],
    [
      "inspectImage",
      docker.inspectImage("api:v2"),
      "docker image inspect --format '[{{json .RepoDigests}},{{json .Architecture}}]' api:v2",
    ],
    [
      "listImages",
      docker.listImages("registry.example.com/api"),
      "docker images --digests --no-trunc --format '{{.Repository}}@{{.Digest}}' registry.example.com/api",
    ],
  ])("is exactly as golden: %s", (_name, argv, golden) => expect(line(argv)).toBe(golden));

  it("is exactly as golden: inspectField", () =>
    expect(docker.inspectField("api", docker.RELEASE_FORMAT)).toBe(
      `docker inspect --type container --format '{{index .Config.Labels "evenkeel.release"}}' api 2>/dev/null | head -c 4096`,
    ));

  it("has a golden line above", () => {
    const builders = Object.entries(docker).filter(([, value]) => typeof value === "function");
    expect(builders.map(([name]) => name).sort()).toEqual([
      "environmentFile",
      "hasSecretFiles",
      "inspect",
      "inspectField",
      "inspectImage",
      "listImages",
      "logs",
      "remove",
      "rename",
      "restartPolicy",
      "run",
      "runPreDeploy",
      "secretsFolder",
      "serverVersion",
      "start",
      "stop",
    ]);
  });
});
