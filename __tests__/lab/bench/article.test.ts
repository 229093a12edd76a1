/** The exact commands of the article's workflow, of the one that thinks of no balancer, and of an unrelated container. */
import { describe, expect, it } from "@jest/globals";
import { articleSteps, articleWaits } from "../../../lab/bench/article.js";
import { naiveSteps } from "../../../lab/bench/naive.js";
import { articleCheck } from "../../../lab/bench/settings.js";
import { unrelatedSteps } from "../../../lab/bench/unrelated.js";

const release = { image: "registry.digitalocean.com/lab/api@sha256:abc", login: '{"auths":{}}' };
const check = { path: "/health", ...articleCheck };

const login = {
  name: "login",
  command: 'umask 077; mkdir -p "$HOME/.docker" && cat >"$HOME/.docker/config.json"',
  input: '{"auths":{}}',
};
const pull = {
  name: "pull",
  command: 'docker --config "$HOME/.docker" pull registry.digitalocean.com/lab/api@sha256:abc',
};
const swap = [
  { name: "stop", command: "docker stop api", mayFail: true },
  { name: "remove", command: "docker rm api", mayFail: true },
  {
    name: "run",
    command:
      "docker run -d --restart always -p 0.0.0.0:80:80 -p 0.0.0.0:8086:80 --name api registry.digitalocean.com/lab/api@sha256:abc",
  },
];

describe("the article's workflow", () => {
  it("is its seven steps, with the waits that it is given", () => {
    expect(articleSteps(release, { ejectionSeconds: 30, admissionSeconds: 40 })).toEqual([
      login,
      pull,
      { name: "shutdown", command: "curl http://localhost/shutdown", mayFail: true },
      { name: "wait for ejection", command: "sleep 30" },
      ...swap,
      { name: "wait for admission", command: "sleep 40" },
      { name: "check", command: "curl --fail http://localhost/health" },
    ]);
  });

  it("sleeps (threshold + 1) x interval: 30 s and 40 s behind the article's balancer", () => {
    expect(articleWaits(check)).toEqual({ ejectionSeconds: 30, admissionSeconds: 40 });
    expect(articleWaits({ ...check, checkIntervalSeconds: 3 })).toEqual({ ejectionSeconds: 9, admissionSeconds: 12 });
  });

  it("has its login in no command line", () => {
    const steps = articleSteps({ ...release, login: "secret" }, { ejectionSeconds: 1, admissionSeconds: 1 });
    expect(steps.filter(({ command }) => command.includes("secret"))).toEqual([]);
  });
});

describe("stop, remove, run", () => {
  it("waits for nothing and looks at nothing", () => {
    expect(naiveSteps(release)).toEqual([login, pull, ...swap]);
  });
});

describe("an unrelated container", () => {
  it("starts under a name of its own, publishes no port, and is removed", () => {
    expect(unrelatedSteps(release.image)).toEqual([
      { name: "run", command: "docker run -d --name unrelated registry.digitalocean.com/lab/api@sha256:abc" },
      { name: "wait for its start", command: "sleep 3" },
      { name: "remove", command: "docker rm -f unrelated" },
    ]);
  });
});
