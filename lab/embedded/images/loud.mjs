/** A release that cannot start, with twenty lines of 60 KB in its log: orders to GitHub, and orders to a terminal within a line. */
const starts = ["::error title=pwned::", "::set-output name=pwned::", "##[error]", "\u001b]0;pwned\u0007\u001b[2J"];
for (let index = 0; index < 20; index += 1)
  process.stdout.write(`${starts[index % starts.length]}\u001b[31m${"z".repeat(60_000)}\r\n`);
process.exitCode = 1;
