const common = {
  testEnvironment: "node",
  // By default each test file wraps what the files before it have left in this process, until reading it overflows the stack.
  testEnvironmentOptions: { globalsCleanup: "off" },
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  transform: { "^.+\\.ts$": "<rootDir>/__tests__/support/esbuild-transform.mjs" },
};

/**
 * unit: no sockets but loopback, no waiting. e2e: the embedded lab, one scenario a file; e2e-long: those that take minutes; demo: with the machine for
 * itself, so that it is shown at a rate worth showing. real: the real lab, which needs root on
 * Linux and Debian's packages; `npm run test:lab` looks for them first.
 */
export default {
  // For a machine that is slow or busy; nothing is concluded from the time that a test takes.
  testTimeout: 60_000,
  reporters: ["default", "<rootDir>/__tests__/support/skipped-reporter.mjs"],
  projects: [
    {
      ...common,
      displayName: "unit",
      roots: ["<rootDir>/__tests__"],
      testMatch: ["**/*.test.ts"],
      testPathIgnorePatterns: ["/__tests__/e2e/", "/__tests__/real/"],
      setupFilesAfterEnv: ["<rootDir>/__tests__/support/cdktf-matchers.cjs"],
    },
    {
      ...common,
      displayName: "e2e",
      roots: ["<rootDir>/__tests__/e2e"],
      testMatch: ["**/*.test.ts"],
      testPathIgnorePatterns: ["/__tests__/e2e/long/", "/__tests__/e2e/demo.test.ts"],
    },
    { ...common, displayName: "demo", roots: ["<rootDir>/__tests__/e2e"], testMatch: ["**/e2e/demo.test.ts"] },
    { ...common, displayName: "e2e-long", roots: ["<rootDir>/__tests__/e2e/long"], testMatch: ["**/*.test.ts"] },
    {
      ...common,
      displayName: "real",
      roots: ["<rootDir>/__tests__/real"],
      testMatch: ["**/*.test.ts"],
      setupFiles: ["<rootDir>/__tests__/support/orphan.mjs"],
    },
  ],
};
