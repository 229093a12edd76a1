import { describe, expect, it } from "@jest/globals";
import { BadEnvironment, readConfig } from "../../app/config.ts";

describe("the environment", () => {
  it("may be empty: every variable has a default", () => {
    expect(readConfig({})).toEqual({
      contract: "lifecycle",
      slowRoute: false,
      port: 80,
      host: "0.0.0.0",
      controlPort: 9000,
      controlHost: "127.0.0.1",
      healthPath: "/health",
      release: "unknown",
      keepAliveSeconds: 65,
      localSources: ["127.0.0.0/8", "::1"],
    });
  });

  it("sets every field", () => {
    expect(
      readConfig({
        CONTRACT: "article",
        SLOW_ROUTE: "on",
        PORT: "8080",
        HOST: "::",
        CONTROL_PORT: "9001",
        CONTROL_HOST: "0.0.0.0",
        HEALTH_PATH: "/up-7f3a",
        NEXT_HEALTH_PATH: "/up-9b1c",
        RELEASE: "r1",
        KEEP_ALIVE_SECONDS: "605",
        LOCAL_SOURCES: "10.0.0.5, 10.1.0.0/16",
      }),
    ).toEqual({
      contract: "article",
      slowRoute: true,
      port: 8080,
      host: "::",
      controlPort: 9001,
      controlHost: "0.0.0.0",
      healthPath: "/up-7f3a",
      nextHealthPath: "/up-9b1c",
      release: "r1",
      keepAliveSeconds: 605,
      localSources: ["10.0.0.5", "10.1.0.0/16"],
    });
  });

  it("counts the default gateway as the droplet's own", () => {
    expect(readConfig({}, "172.17.0.1").localSources).toEqual(["127.0.0.0/8", "::1", "172.17.0.1"]);
  });

  it.each([
    ["one address", "127.0.0.1", ["127.0.0.1"]],
    ["nothing", "", []],
  ])("replaces loopback and gateway when LOCAL_SOURCES is %s", (_name, text, expected) => {
    expect(readConfig({ LOCAL_SOURCES: text }, "172.17.0.1").localSources).toEqual(expected);
  });

  it.each([
    [{ PORT: "eighty" }, 'PORT: got "eighty"; needs a whole number from 0 to 65535'],
    [{ PORT: "" }, 'PORT: got ""; needs a whole number from 0 to 65535'],
    [{ PORT: "65536" }, 'PORT: got "65536"; needs a whole number from 0 to 65535'],
    [{ CONTROL_PORT: "1e3" }, 'CONTROL_PORT: got "1e3"; needs a whole number from 0 to 65535'],
    [{ PORT: "9000" }, 'CONTROL_PORT: got "9000"; needs another port than PORT'],
    [{ HOST: "localhost" }, 'HOST: got "localhost"; needs an IP address, such as 127.0.0.1'],
    [{ CONTROL_HOST: "" }, 'CONTROL_HOST: got ""; needs an IP address, such as 127.0.0.1'],
    [
      { HEALTH_PATH: "health" },
      'HEALTH_PATH: got "health"; needs a path that starts with "/", without "?", "#", quotes or blanks',
    ],
    [
      { NEXT_HEALTH_PATH: "" },
      'NEXT_HEALTH_PATH: got ""; needs a path that starts with "/", without "?", "#", quotes or blanks',
    ],
    [{ CONTRACT: "Article" }, 'CONTRACT: got "Article"; needs one of "lifecycle", "article"'],
    [{ KEEP_ALIVE_SECONDS: "0" }, 'KEEP_ALIVE_SECONDS: got "0"; needs a whole number from 1 to 3600'],
    [
      { LOCAL_SOURCES: "10.0.0.1,api-1" },
      'LOCAL_SOURCES: got "10.0.0.1,api-1"; needs IP addresses or ranges, separated by commas, or nothing',
    ],
    [
      { LOCAL_SOURCES: "10.0.0.0/33" },
      'LOCAL_SOURCES: got "10.0.0.0/33"; needs IP addresses or ranges, separated by commas, or nothing',
    ],
  ])("fails when it is %j, naming variable, value and mend", (env, message) => {
    expect(() => readConfig(env)).toThrow(new BadEnvironment(message));
  });
});
