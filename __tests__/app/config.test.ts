import { describe, expect, it } from "@jest/globals";
import { BadEnvironment, readConfig } from "../../app/config.ts";

const PATH_NEED = 'needs a path that starts with "/", without "?", "#", quotes or blanks';

describe("the environment", () => {
  it("may be empty: every variable has a default", () => {
    expect(readConfig({})).toEqual({
      port: 80,
      host: "0.0.0.0",
      healthPath: "/health",
      nextHealthPath: undefined,
      release: "unknown",
      keepAliveSeconds: 65,
      drainPort: undefined,
    });
  });

  it("sets every field", () => {
    expect(
      readConfig({
        PORT: "8080",
        HOST: "::",
        HEALTH_PATH: "/up-7f3a",
        NEXT_HEALTH_PATH: "/up-9b1c",
        RELEASE: "r1",
        KEEP_ALIVE_SECONDS: "605",
        DRAIN_PORT: "9001",
      }),
    ).toEqual({
      port: 8080,
      host: "::",
      healthPath: "/up-7f3a",
      nextHealthPath: "/up-9b1c",
      release: "r1",
      keepAliveSeconds: 605,
      drainPort: 9001,
    });
  });

  it("may ask for two free ports", () => {
    expect(readConfig({ PORT: "0", DRAIN_PORT: "0" })).toMatchObject({ port: 0, drainPort: 0 });
  });

  it.each([
    [{ PORT: "eighty" }, 'PORT: got "eighty"; needs a whole number from 0 to 65535'],
    [{ PORT: "" }, 'PORT: got ""; needs a whole number from 0 to 65535'],
    [{ PORT: "65536" }, 'PORT: got "65536"; needs a whole number from 0 to 65535'],
    [{ DRAIN_PORT: "1e3" }, 'DRAIN_PORT: got "1e3"; needs a whole number from 0 to 65535'],
    [{ DRAIN_PORT: "" }, 'DRAIN_PORT: got ""; needs a whole number from 0 to 65535'],
    [{ PORT: "9000", DRAIN_PORT: "9000" }, 'DRAIN_PORT: got "9000"; needs another port than PORT'],
    [{ DRAIN_PORT: "80" }, 'DRAIN_PORT: got "80"; needs another port than PORT'],
    [{ HOST: "localhost" }, 'HOST: got "localhost"; needs an IP address, such as 127.0.0.1'],
    [{ HEALTH_PATH: "health" }, `HEALTH_PATH: got "health"; ${PATH_NEED}`],
    [{ HEALTH_PATH: "/up?a=1" }, `HEALTH_PATH: got "/up?a=1"; ${PATH_NEED}`],
    [{ NEXT_HEALTH_PATH: "" }, `NEXT_HEALTH_PATH: got ""; ${PATH_NEED}`],
    [{ KEEP_ALIVE_SECONDS: "0" }, 'KEEP_ALIVE_SECONDS: got "0"; needs a whole number from 1 to 3600'],
    [{ KEEP_ALIVE_SECONDS: "3601" }, 'KEEP_ALIVE_SECONDS: got "3601"; needs a whole number from 1 to 3600'],
  ])("fails when it is %j, naming variable, value and need", (env, message) => {
    expect(() => readConfig(env)).toThrow(new BadEnvironment(message));
  });
});
