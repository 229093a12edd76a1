/** Lists every skipped test at the end of a run, so that nothing is left out silently. A skipped test's title says why. */
export default class SkippedReporter {
  #skipped = [];

  onTestResult(_test, result) {
    for (const test of result.testResults) {
      if (test.status === "pending" || test.status === "todo") this.#skipped.push(test.fullName);
    }
  }

  onRunComplete() {
    if (this.#skipped.length === 0) return;
    process.stderr.write(
      `\nSkipped (${this.#skipped.length}):\n${this.#skipped.map((name) => `  ${name}\n`).join("")}`,
    );
  }
}
