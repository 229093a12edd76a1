const common = {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  transform: { "^.+\\.ts$": "<rootDir>/__tests__/support/esbuild-transform.mjs" },
};

/** unit: no sockets but loopback, no waiting. e2e: the embedded lab, one scenario a file, one after the other. */
export default {
  reporters: ["default", "<rootDir>/__tests__/support/skipped-reporter.mjs"],
  projects: [
    {
      ...common,
      displayName: "unit",
      roots: ["<rootDir>/__tests__"],
      testMatch: ["**/*.test.ts"],
      testPathIgnorePatterns: ["/__tests__/e2e/"],
      setupFilesAfterEnv: ["<rootDir>/__tests__/support/cdktf-matchers.cjs"],
    },
    {
      ...common,
      displayName: "e2e",
      roots: ["<rootDir>/__tests__/e2e"],
      testMatch: ["**/*.test.ts"],
    },
  ],
};
