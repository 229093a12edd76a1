import { resolveAll, resolveText } from "../../lab/references.js";

const known: Record<string, string> = {
  "digitalocean_droplet.api-1.id": "17",
  "var.image": "x@sha256:1",
  "path.module": ".",
};
const lookup = (reference: string): string => {
  const value = known[reference];
  if (value === undefined) throw new Error(`unknown ${reference}`);
  return value;
};

test("plain references are filled in, also within longer texts", () => {
  expect(resolveText("${var.image}", lookup)).toBe("x@sha256:1");
  expect(resolveText('{"id":"${digitalocean_droplet.api-1.id}","at":"${path.module}/x"}', lookup)).toBe(
    '{"id":"17","at":"./x"}',
  );
});

test("join over references works, and an escaped marker is a text", () => {
  expect(resolveText('${join(",", [digitalocean_droplet.api-1.id, var.image])}', lookup)).toBe("17,x@sha256:1");
  expect(resolveText("$${HOME} %%{if} %{", lookup)).toBe("${HOME} %{if} %{");
});

test("every text of a JSON value is filled in", () => {
  expect(resolveAll({ a: ["${path.module}", 1, null], b: { c: "${var.image}" } }, lookup)).toEqual({
    a: [".", 1, null],
    b: { c: "x@sha256:1" },
  });
});

test("fails for what it does not know instead of guessing", () => {
  expect(() => resolveText("${upper(var.image)}", lookup)).toThrow("the lab cannot evaluate ${upper(var.image)}");
  expect(() => resolveText("${var.other}", lookup)).toThrow("unknown var.other");
});
