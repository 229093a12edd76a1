import { describe, expect, test } from "@jest/globals";
import { cgroupOf, dropletFiles } from "../../lab/real/droplet-files.js";
import { answerOf, requestFrom } from "../../lab/real/droplet-request.js";

const order = {
  id: "400000001",
  name: "api-1",
  address: "10.210.1.11",
  privateAddress: "10.110.0.2",
  userData: "#cloud-config\n{}\n",
  authorizedKeys: ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"],
  user: "deploy",
};

describe("a new disk", () => {
  const extras = {
    hosts: { registry: "10.210.1.9" },
    insecureRegistries: ["registry:5000"],
    caCertificates: ["EXTRA"],
  };
  const files = dropletFiles(order, extras, cgroupOf(7, order.id), "TRUSTED");

  test("gives the user data to cloud-init as it is, and the keys as DigitalOcean does", () => {
    expect(files["var/lib/cloud/seed/nocloud/user-data"]).toBe(order.userData);
    expect(JSON.parse(files["var/lib/cloud/seed/nocloud/meta-data"] ?? "")).toEqual({
      "instance-id": "400000001",
      "local-hostname": "api-1",
      "public-keys": order.authorizedKeys,
    });
  });

  test("has the lab's extras outside of what is declared", () => {
    expect(files["etc/hosts"]).toBe("127.0.0.1 localhost\n127.0.1.1 api-1\n10.210.1.9 registry\n");
    expect(files["etc/ssl/certs/ca-certificates.crt"]).toBe("TRUSTED\nEXTRA");
    expect(files["etc/default/docker"]).toBe(
      "DOCKER_OPTS='--exec-opt=native.cgroupdriver=cgroupfs --cgroup-parent=/evenkeel-lab-7/400000001 --insecure-registry=registry:5000'\n",
    );
    expect(files).not.toHaveProperty("etc/docker/daemon.json");
  });
});

describe("a request from a droplet", () => {
  test("is made by its own curl", () => {
    expect(requestFrom("POST", "http://127.0.0.1:9000/drain")).toEqual([
      ...["curl", "--silent", "--show-error", "--max-time", "30", "--request", "POST"],
      ...["--write-out", "\n%{http_code}", "http://127.0.0.1:9000/drain"],
    ]);
  });

  test.each([
    ['{"state":"draining"}\n202', { status: 202, body: { state: "draining" } }],
    ["two\nlines\n503", { status: 503, body: "two\nlines" }],
    ["\n204", { status: 204, body: "" }],
  ])("reads %j", (output, answer) => {
    expect(answerOf(output)).toEqual(answer);
  });
});
