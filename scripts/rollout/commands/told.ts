/**
 * Shell function that reads what an app says about itself, where no controller can: a steward that is on its own goes by it.
 *
 * It reads JSON by its grammar and not by patterns: what stands within a text or further down is never taken for a field of the object itself. Anything
 * that is not one whole object with each wanted field exactly once prints nothing, and so does a text with a backslash, and more than 64 KB.
 */
import { APP_BYTES } from "./shell.js";

const READER = `
function skip() { while (index(" \\t\\r\\n", substr(all, at, 1)) && at <= size) at++ }
function text(  from) {
  from = at
  for (at++; at <= size; at++) {
    c = substr(all, at, 1)
    if (c == "\\\\") at++
    else if (c == "\\"") { at++; return substr(all, from, at - from) }
  }
  bad = 1
}
function value(  from, depth) {
  from = at
  while (at <= size && !bad) {
    c = substr(all, at, 1)
    if (c == "\\"") { text(); if (!depth) break; continue }
    if (c == "{" || c == "[") depth++
    else if (c == "}" || c == "]") { if (!depth) break; depth-- }
    else if (!depth && index(", \\t\\r\\n", c)) break
    at++
  }
  if (at == from) bad = 1
  return substr(all, from, at - from)
}
function sign(wanted) { skip(); if (substr(all, at, 1) != wanted) bad = 1; at++ }
{ all = all $0 "\\n" }
END {
  size = length(all); at = 1; count = split(names, wanted, " ")
  if (size > ${APP_BYTES}) exit
  sign("{")
  do {
    skip(); if (substr(all, at, 1) != "\\"") bad = 1
    key = text(); sign(":"); skip(); found = value()
    if (index(key, "\\\\") || key in fields) bad = 1
    fields[key] = found; skip(); c = substr(all, at, 1); at++
  } while (c == "," && !bad)
  skip()
  if (bad || c != "}" || at <= size) exit
  for (i = 1; i <= count; i++) {
    found = fields["\\"" wanted[i] "\\""]
    if (found == "" || index(found, "\\\\") || index(found, "\\n")) exit
    line = line (i > 1 ? " " : "") found
  }
  print line
}`;

/** Reads JSON from its standard input; prints the fields that its arguments name, as they stand there, with a blank between. */
export const TOLD = `told() { head -c ${APP_BYTES + 1} | LC_ALL=C awk -v names="$*" '${READER}'; }
`;
