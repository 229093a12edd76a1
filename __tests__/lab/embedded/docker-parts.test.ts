import { openSockets } from "../../../lab/embedded/docker/connection-table.js";
import { parseFlags } from "../../../lab/embedded/docker/flags.js";
import { ImageStore } from "../../../lab/embedded/docker/image-store.js";
import { LogBuffer } from "../../../lab/embedded/docker/log-buffer.js";
import { parseReference } from "../../../lab/embedded/docker/reference.js";
import { Registries } from "../../../lab/embedded/docker/registry.js";
import { render } from "../../../lab/embedded/docker/template.js";

const login = { auths: { "registry.example.com": { auth: Buffer.from("me:secret").toString("base64") } } };

function registries(): Registries {
  const all = new Registries();
  all.serve("registry.example.com", (user, password) => user === "me" && password === "secret");
  return all;
}

const source = (version: string) => ({
  repository: "registry.example.com/team/api",
  tag: "latest",
  command: ["node"],
  environment: { VERSION: version },
});

describe("command lines", () => {
  const syntax = {
    kinds: { detach: "flag", publish: "list", name: "value" },
    short: { d: "detach", p: "publish" },
    interspersed: false,
  } as const;

  test("are read as Docker reads them", () => {
    const flags = parseFlags("run", ["-d", "-p", "1:1", "-p2:2", "--name=a", "image", "-x", "--y"], syntax);
    expect(flags.has("detach")).toBe(true);
    expect(flags.list("publish")).toEqual(["1:1", "2:2"]);
    expect(flags.value("name")).toBe("a");
    expect(flags.operands).toEqual(["image", "-x", "--y"]);
  });

  test("short flags may stand together, where they take no value", () => {
    const kinds = { all: "flag", quiet: "flag", publish: "list" } as const;
    const together = { kinds, short: { a: "all", q: "quiet", p: "publish" } };
    const flags = parseFlags("ps", ["-aq", "-qp", "1:1", "x"], together);
    expect([flags.has("all"), flags.has("quiet"), flags.list("publish"), flags.operands]).toEqual([
      true,
      true,
      ["1:1"],
      ["x"],
    ]);
    expect(() => parseFlags("ps", ["-ax"], together)).toThrow("does not know the flag -x");
  });

  test("fail for a flag that the lab does not know, and for a missing value", () => {
    expect(() => parseFlags("run", ["--gpus", "all"], syntax)).toThrow('does not know the flag --gpus of "docker run"');
    expect(() => parseFlags("run", ["-x"], syntax)).toThrow("does not know the flag -x");
    expect(() => parseFlags("run", ["--name"], syntax)).toThrow("--name needs a value");
  });
});

describe("--format", () => {
  const root = { State: { Running: true, Exit: 0 }, Labels: { "a.b": "c" }, Digests: ["x"] };

  test("shows fields, JSON and entries of a map", () => {
    const format =
      '{{.State.Running}}|{{.State.Exit}}|{{index .Labels "a.b"}}|{{index .Labels "no"}}|{{json .Digests}}|{{json (index .Labels "a.b")}}';
    expect(render(format, root)).toBe('true|0|c||["x"]|"c"');
  });

  test("shows a block for what its value names, and nothing where that is empty", () => {
    const networks = { Networks: { a: { Address: "10.0.0.2", Config: { Static: "10.0.0.3" } }, b: { Config: null } } };
    const format = (name: string): string =>
      `<{{with index .Networks "${name}"}}[{{with .Config}}{{.Static}}{{end}}]{{end}}>`;
    expect(["a", "b", "c"].map((name) => render(format(name), networks))).toEqual(["<[10.0.0.3]>", "<[]>", "<>"]);
    expect(() => render("{{with .Networks}}", networks)).toThrow("misses the end of {{with .Networks}}");
    expect(() => render("{{end}}", networks)).toThrow("finds an end of nothing");
  });

  test("fails for what the lab does not know", () => {
    expect(() => render("{{range .Digests}}", root)).toThrow("does not know the template {{range .Digests}}");
    expect(() => render("{{json (len .Digests)}}", root)).toThrow("does not know the template {{json (len");
    expect(() => render("{{.State.Paused}}", root)).toThrow("has no field .State.Paused");
  });
});

describe("references", () => {
  test("are taken apart", () => {
    expect(parseReference("registry.example.com:5000/team/api:v1")).toMatchObject({
      registry: "registry.example.com:5000",
      path: "team/api",
      tag: "v1",
      digest: null,
    });
    expect(parseReference("registry.example.com/api@sha256:1")).toMatchObject({ tag: null, digest: "sha256:1" });
    expect(parseReference("registry.example.com/api").tag).toBe("latest");
  });

  test("fail without a registry", () => {
    expect(() => parseReference("nginx:1")).toThrow("only images of a named registry");
  });
});

describe("a registry", () => {
  test("gives the same content the same digest, and moves a tag", () => {
    const all = registries();
    const [one, again, two] = [all.push(source("1")), all.push(source("1")), all.push(source("2"))];
    expect(again).toBe(one);
    expect(two).not.toBe(one);
    expect(all.pull("registry.example.com/team/api:latest", login).digest).toBe(two.split("@")[1]);
    expect(all.pull(one, login).environment).toEqual({ VERSION: "1" });
  });

  test("fails without a login, with a wrong one, for an unknown image and an unknown host, in Docker's words", () => {
    const all = registries();
    const name = all.push(source("1"));
    const wrong = { auths: { "registry.example.com": { auth: Buffer.from("me:no").toString("base64") } } };
    expect(() => all.pull(name, null)).toThrow(
      /^Head "https:\/\/registry.example.com\/v2\/team\/api\/manifests\/sha256:.*": no basic auth credentials$/,
    );
    expect(() => all.pull(name, wrong)).toThrow("unauthorized: authentication required");
    expect(() => all.pull("registry.example.com/team/api:v9", login)).toThrow(
      "manifest for registry.example.com/team/api:v9 not found: manifest unknown: manifest unknown",
    );
    expect(() => all.pull("registry.example.org/api:v9", login)).toThrow("lookup registry.example.org: no such host");
  });
});

describe("a droplet's images", () => {
  test("go with their last name, unless a container needs them", () => {
    const all = registries();
    const store = new ImageStore();
    const name = all.push(source("1"));
    store.keep(all.pull(name, login), name);
    expect(store.find(name)?.repoDigests).toEqual([name]);
    expect(() => store.remove(name, [{ id: "c".repeat(64) }])).toThrow(
      `conflict: unable to remove repository reference "${name}" (must force) - container cccccccccccc is using its referenced image`,
    );
    expect(store.remove(name, [])).toEqual([`Untagged: ${name}`, expect.stringMatching(/^Deleted: sha256:/)]);
    expect(store.find(name)).toBeNull();
  });

  test("a tag belongs to the image that was pulled by it last", () => {
    const all = registries();
    const store = new ImageStore();
    const tag = "registry.example.com/team/api:latest";
    for (const version of ["1", "2"]) {
      all.push(source(version));
      store.keep(all.pull(tag, login), tag);
    }
    expect(store.list()).toHaveLength(2);
    expect(store.find(tag)?.environment).toEqual({ VERSION: "2" });
  });
});

test("a log keeps the last lines of both streams in order, also one that is not ended", () => {
  const log = new LogBuffer();
  log.add("stdout", "one\ntw");
  log.add("stderr", "bad\n");
  log.add("stdout", "o\nthree");
  expect(log.tail(3).map(({ stream, text }) => `${stream} ${text}`)).toEqual([
    "stderr bad",
    "stdout two",
    "stdout three",
  ]);
  expect(log.tail(0)).toEqual([]);
});

test("what is open to a port may still owe an answer, and is not what only listens or is at rest", () => {
  const states = ["0A", "01", "06", "05", "07", "08", "01"];
  const rows = states.map((state, index) => `   ${index}: 0100007F:73D7 0101007F:87C${index} ${state}`);
  const other = "   9: 0101007F:87CF 0100007F:73D7 01";
  expect(openSockets([["  sl  local_address rem_address   st", ...rows, other].join("\n")], 0x73d7)).toBe(3);
});
