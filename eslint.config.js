import { builtinModules } from "node:module";
import js from "@eslint/js";
import tseslint from "typescript-eslint";

const ONE_WAY_OUT = "scripts/rollout/output/out.ts";
const ENTRY = "scripts/rollout.ts";
const THROUGH_OUT = `Write through outTo of ${ONE_WAY_OUT}.`;
const restricted = (selectors) => selectors.map((selector) => ({ selector, message: THROUGH_OUT }));

/** Paths by which a process gets at its own streams. */
const DESCRIPTORS = String.raw`/^\u002f(dev\u002f(std|tty|fd)|proc\u002f.*\u002ffd)/`;

/** References, not calls: whatever the stream is called, and however it got there, nothing else in the scripts has these. */
const noWayOut = restricted([
  "MemberExpression[property.type='Identifier'][property.name=/^writev?(Sync)?$/]",
  "ObjectPattern > Property[key.name='write']",
  "Literal[value=/^writev?(Sync)?$/]",
  "CallExpression[callee.property.type='Identifier'][callee.property.name='end']",
  "CallExpression[callee.property.value='end']",
  // A number of a file, and its name.
  "ImportSpecifier[imported.name=/^(writev?(Sync)?|createWriteStream|open(Sync)?)$/]",
  "ImportDeclaration[source.value=/^(node:)?fs/] > :matches(ImportNamespaceSpecifier, ImportDefaultSpecifier)",
  "CallExpression[callee.name=/^(write|append)File/][arguments.0.raw=/^\\d/]",
  "Property[key.name='fd']",
  `Literal[value=${DESCRIPTORS}]`,
  `TemplateElement[value.raw=${DESCRIPTORS}]`,
  // What a child process would write by itself.
  "Literal[value='inherit']",
  "ObjectExpression > Property[key.name=/^std(io|out|err)$/]",
  "ImportExpression",
]);
/** The streams belong to the process, which warns and dumps besides: it is only ever asked for these. */
const noProcess = restricted([
  ":not(MemberExpression) > Identifier[name='process']",
  "MemberExpression[property.name='process']",
  "MemberExpression[object.name='process'][computed=true]",
  "MemberExpression[object.name='process'][property.name!=/^(env|getuid|kill|off|on|p?pid)$/]",
]);
const globals = ["console", "global", "globalThis"].map((name) => ({ name, message: THROUGH_OUT }));
/** Of Node's own, only those by which nothing is written unless the rules above see it. */
const MODULES = ["child_process", "crypto", "events", "fs", "net", "os", "path", "perf_hooks", "timers/promises"];
const otherModules = (allowed) =>
  builtinModules
    .filter((name) => !allowed.includes(name))
    .flatMap((name) => [name, `node:${name}`].map((path) => ({ name: path, message: THROUGH_OUT })));

export default tseslint.config(
  { ignores: ["node_modules/", "dist/", "cdktf.out/", "coverage/"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": [
        "error",
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      "@typescript-eslint/prefer-promise-reject-errors": "off",
    },
  },
  {
    // Everything that a host, an app or an API said goes out through one module, which cleans and bounds it.
    files: ["scripts/**/*.ts"],
    ignores: [ONE_WAY_OUT],
    rules: {
      "no-restricted-globals": ["error", ...globals],
      "no-restricted-syntax": ["error", ...noWayOut, ...noProcess],
      "no-restricted-imports": ["error", ...otherModules(MODULES)],
    },
  },
  {
    // The entry alone hands the streams over.
    files: [ENTRY],
    rules: {
      "no-restricted-syntax": ["error", ...noWayOut],
      "no-restricted-imports": ["error", ...otherModules([...MODULES, "process"])],
    },
  },
  {
    // Fakes implement asynchronous ports without anything to wait for.
    files: ["lab/**/*.ts", "__tests__/**/*.ts"],
    rules: { "@typescript-eslint/require-await": "off" },
  },
  {
    // expect.any and its kin are typed any.
    files: ["__tests__/**/*.ts"],
    rules: { "@typescript-eslint/no-unsafe-assignment": "off" },
  },
  {
    files: ["**/*.mjs", "**/*.cjs", "**/*.js"],
    languageOptions: { globals: { process: "readonly", require: "readonly", module: "readonly", console: "readonly" } },
  },
);
