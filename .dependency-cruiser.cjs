/** Who may import whom. The drawing is in docs/architecture.md. */
const rule = (name, from, to, comment) => ({ name, severity: "error", comment, from, to });
const npm = (...packages) => `node_modules/(${packages.join("|")})(/|$)`;

module.exports = {
  forbidden: [
    rule("no-circular", {}, { circular: true }, "A cycle hides which part is the lower one."),
    rule("no-unresolved", {}, { couldNotResolve: true }, "An import that cannot be resolved breaks at run time."),
    rule(
      "contract-imports-zod-only",
      { path: "^contract/" },
      { pathNot: ["^contract/", npm("zod")] },
      "Both halves share it.",
    ),
    rule(
      "constructs-not-scripts",
      { path: "^constructs/" },
      { path: "^(scripts|lab|app)/" },
      "Only the contract crosses.",
    ),
    rule(
      "scripts-not-constructs",
      { path: "^scripts/" },
      { path: "^(constructs|app|main|fleet)" },
      "Only the contract crosses.",
    ),
    rule(
      "core-is-pure",
      { path: "^scripts/rollout/(core|commands)/" },
      { pathNot: ["^scripts/rollout/(core|commands|host-steps\\.ts|ports\\.ts)", "^contract/", "^(node:)?crypto$"] },
      "Decisions and command lines import only themselves and the contract.",
    ),
    rule(
      "only-adapters-touch-the-outside",
      { path: "^scripts/rollout/", pathNot: "^scripts/rollout/(adapters|output)/" },
      { path: [npm("execa", "undici"), "^(node:)?(child_process|fs|http|https|net|timers)"] },
      "run.ts and core work through ports.",
    ),
    rule(
      "lab-is-for-tests",
      { pathNot: "^(lab|__tests__)/" },
      { path: "^lab/" },
      "Nothing that ships imports the lab.",
    ),
    rule(
      "cdktf-stays-in-constructs",
      { pathNot: "^(main\\.ts|constructs/|__tests__/)" },
      { path: npm("cdktf", "constructs", "@cdktf") },
      "Leaving cdktf must stay a rename.",
    ),
    rule(
      "app-stands-alone",
      { path: "^app/" },
      { path: "^(contract|constructs|scripts|lab)/" },
      "Its folder is the Docker build context.",
    ),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
