/** The front's words, without a droplet. */
import { frontConfiguration, networkLine } from "../../../lab/embedded/front/configuration.js";
import { Front } from "../../../lab/embedded/front/front.js";

const PRIVATE = "10.110.0.2";
const [ONE, TWO] = ["172.31.255.242", "172.31.255.243"];

test("the network is the one that the user data declares", () => {
  const declared =
    "#cloud-config\nwrite_files:\n  - path: /etc/evenkeel/front\n    content: |\n      subnet 10.9.8.5/27\n      bridge ek1\n      ssh 2222\n";
  expect(networkLine(frontConfiguration(declared))).toMatch(
    /^10\.9\.8\.0\/27 10\.9\.8\.1 ek1 10\.9\.8\.16\/28 10\.9\.8\.2 (10\.9\.8\.\d+ ){12}10\.9\.8\.15$/,
  );
});

describe("a word that the helper does not take changes nothing", () => {
  const host = {
    configuration: frontConfiguration(""),
    addresses: ["127.0.0.1", PRIVATE],
    openSockets: () => 0,
    changed: () => undefined,
  };
  const leading = (): Front => {
    const made = new Front(host);
    made.call("switch", ["api", PRIVATE, "80", "8086", ONE, "80"]);
    made.call("switch", ["plain", PRIVATE, "81", "-", TWO, "80"]);
    return made;
  };
  const ends = `${ONE} 80`;
  test.each([
    ["switch", `-api ${PRIVATE} 82 - ${ends}`, "not a front's name"],
    ["switch", `new 10.0.0.1 82 - ${ends}`, "not an address of this machine"],
    ["switch", `new ${PRIVATE} 082 - ${ends}`, "not a port"],
    ["switch", `new ${PRIVATE} 82,83,84 - ${ends}`, "not one or two ports"],
    ["switch", `new ${PRIVATE} 82, - ${ends}`, "not a port"],
    ["switch", `new ${PRIVATE} - 82 ${ends}`, "not a port"],
    ["switch", `new ${PRIVATE} 82 82 ${ends}`, "a health port is a service port"],
    ["switch", `new ${PRIVATE} 22 - ${ends}`, "sshd listens on this port"],
    ["switch", `new ${PRIVATE} 82 - 172.31.255.241 80`, "not a container's address"],
    ["switch", `new ${PRIVATE} 82 - 172.31.255.255 80`, "not a container's address"],
    ["switch", `new ${PRIVATE} 82 - ${ends} more`, "switch takes"],
    ["switch", `new ${PRIVATE} 82,80 - ${ends}`, "another front has this port: api 80"],
    ["switch", `new ${PRIVATE} 82 8086 ${ends}`, "another front has this port: api 8086"],
    ["switch", `new 127.0.0.1 8086 - ${ends}`, "a health port of one front is the service port of another: api 8086"],
    ["switch", `new 127.0.0.1 82 80 ${ends}`, "a health port of one front is the service port of another: api 80"],
    ["fits", `new 10.0.0.1 82 -`, "not an address of this machine"],
    ["fits", `new ${PRIVATE} 82,80 -`, "another front has this port: api 80"],
    ["fits", `new ${PRIVATE} 82 - ${ends}`, "fits takes"],
    ["drop", "plain", "a front without a health port cannot drop it"],
    ["drop", "nosuch", "there is no such front"],
    ["raise", "nosuch", "there is no such front"],
    ["keep", "nosuch", "there is no such front"],
    ["evidence", "nosuch 5", "there is no such front"],
    ["evidence", "api 901", "not 1 to 900 seconds"],
    ["traffic", "nosuch 5", "there is no such front"],
    ["traffic", "-api 5", "not a front's name"],
    ["traffic", "api", "not 1 to 300000 milliseconds"],
    ["traffic", "api 0", "not 1 to 300000 milliseconds"],
    ["traffic", "api 300001", "not 1 to 300000 milliseconds"],
    ["traffic", "api 05", "not 1 to 300000 milliseconds"],
    ["traffic", "api 5ms", "not 1 to 300000 milliseconds"],
    ["traffic", "api 5 6", "not a port"],
    ["traffic", "api 5 -1 80", "not a process id, or 0 for none"],
    ["traffic", "api 5 6 80 9", "too many words"],
    ["keep", "api more", "too many words"],
    ["show", "api", "too many words"],
    ["open", "0 80", "not a process id"],
  ])("%s %s", (verb, words, said) => {
    const made = leading();
    const before = made.call("show", []);
    expect(() => made.call(verb, words.split(" "))).toThrow(said);
    expect(made.call("show", [])).toEqual(before);
  });

  test("the traffic of a front is where it leads while nobody has come, dropped or not", () => {
    const made = leading();
    const told = (): unknown => [made.call("traffic", ["api", "5"]), made.call("traffic", ["plain", "300000"])];
    expect(told()).toEqual([[`led ${ONE} 80 open ${PRIVATE} 80 8086`], [`led ${TWO} 80 open ${PRIVATE} 81 -`]]);
    made.call("drop", ["api"]);
    expect(told()).toEqual([[`led ${ONE} 80 dropped ${PRIVATE} 80 8086`], [`led ${TWO} 80 open ${PRIVATE} 81 -`]]);
  });

  test("what a switch would take fits, and nothing is changed by asking", () => {
    const made = leading();
    const before = made.call("show", []);
    for (const words of [`new ${PRIVATE} 82,83 8090`, `api ${PRIVATE} 80 8086`])
      expect(made.call("fits", words.split(" "))).toEqual([]);
    expect(made.call("show", [])).toEqual(before);
  });

  test("a port that another front may go back to counts as that one's", () => {
    const made = leading();
    made.call("keep", ["api"]);
    made.call("switch", ["api", PRIVATE, "82", "8082", ONE, "80"]);
    expect(() => made.call("switch", ["new", PRIVATE, "80", "-", TWO, "80"])).toThrow(
      "another front has this port: api 80",
    );
    made.call("keep", ["api"]);
    expect(made.call("switch", ["new", PRIVATE, "80", "-", TWO, "80"])).toEqual([]);
  });

  test("undo and clear of a front that is not there are fine", () => {
    const made = leading();
    expect([made.call("undo", ["nosuch"]), made.call("clear", ["nosuch"])]).toEqual([[], []]);
  });
});
