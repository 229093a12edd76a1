/**
 * The image that app/Dockerfile starts from, made on the spot under its name: files of Debian, and Node and npm as npm packages.
 * Builds have no network, so npm's cache in it holds beforehand what the app's lock file names.
 */
import { execa } from "execa";
import { chmod, copyFile, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";

export interface Base {
  /** Such as node:22.23.3-slim. */
  readonly name: string;
  readonly nodeVersion: string;
}

/** Reads the name from a Dockerfile. @throws Error for any other image than Node's slim one */
export function baseOf(dockerfile: string): Base {
  const [, name = ""] = /^FROM\s+(\S+)/m.exec(dockerfile) ?? [];
  const [, nodeVersion] = /^node:(\d+\.\d+\.\d+)-slim$/.exec(name) ?? [];
  if (nodeVersion === undefined) throw new Error(`the lab can make node:<version>-slim to build on, not "${name}"`);
  return { name, nodeVersion };
}

/** What Node, npm and a shell need. */
const DEBIAN =
  "base-files coreutils dash libacl1 libattr1 libc6 libgcc-s1 libgmp10 libpcre2-8-0 libselinux1 libstdc++6";
/** Name of an image that holds Debian's Python. */
export const PYTHON_BASE = "lab-python:3";
/** What Python's own library needs, and what that needs. */
const PYTHON = ["python3-minimal", "libpython3-stdlib"];
/** What none of them reads. */
const LEFT_OUT = ["./usr/share/doc", "./usr/share/man", "./usr/share/info", "./usr/share/locale", "*/gconv/*"];
/** The one that Node 22.23.3 brings along. */
const NPM_VERSION = "10.9.9";
const NPM_CACHE = "usr/local/share/npm-cache";

/** The image's own settings besides its files, as `docker import --change` takes them. */
export const baseSettings = ({ nodeVersion }: Base): string[] => [
  "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  `ENV NODE_VERSION=${nodeVersion}`,
  'ENTRYPOINT ["docker-entrypoint.sh"]',
  'CMD ["node"]',
];

/**
 * @param appFolder its lock file says what npm's cache has to hold
 * @param work an empty folder
 * @returns an archive of the image's files
 */
export async function baseFiles(base: Base, appFolder: string, work: string): Promise<string> {
  const root = path.join(work, "root");
  await addFolders(root);
  await Promise.all([
    addDebian(root, await workFolder(work, "debian"), DEBIAN.split(" ")),
    addNode(root, base, await workFolder(work, "node")),
    addPackages(root, appFolder, await workFolder(work, "app")),
  ]);
  await addSettings(root);
  return pack(root, work);
}

async function pack(root: string, work: string): Promise<string> {
  const archive = path.join(work, "base.tar");
  await execa("tar", ["--create", "--file", archive, "--directory", root, "."]);
  return archive;
}

/** @returns an archive of Debian's Python. @param work an empty folder */
export async function pythonFiles(work: string): Promise<string> {
  const root = path.join(work, "root");
  await mkdir(path.join(root, "tmp"), { recursive: true });
  const kinds = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map((kind) => `--no-${kind}`);
  const { stdout } = await execa("apt-cache", ["depends", "--recurse", ...kinds, ...PYTHON]);
  // Other lines tell how packages depend on each other; names in angle brackets are of no package.
  const names = stdout.split("\n").filter((line) => /^[a-z0-9]/.test(line) && !line.includes(":"));
  for (const name of ["bin", "lib", "lib64", "sbin"]) {
    await mkdir(path.join(root, "usr", name), { recursive: true });
    await symlink(`usr/${name}`, path.join(root, name));
  }
  await addDebian(root, await workFolder(work, "debian"), [...new Set(names)]);
  return pack(root, work);
}

async function workFolder(work: string, name: string): Promise<string> {
  const folder = path.join(work, name);
  await mkdir(folder);
  return folder;
}

async function addFolders(root: string): Promise<void> {
  const folders =
    "dev etc home/node proc root run sys tmp usr/bin usr/lib usr/lib64 usr/sbin usr/local/bin usr/local/etc";
  for (const folder of folders.split(" ")) await mkdir(path.join(root, folder), { recursive: true });
  for (const name of ["bin", "lib", "lib64", "sbin"]) await symlink(`usr/${name}`, path.join(root, name));
  await chmod(path.join(root, "tmp"), 0o1777);
  await execa("chown", ["1000:1000", path.join(root, "home/node")]);
}

async function addDebian(root: string, work: string, packages: readonly string[]): Promise<void> {
  await execa("apt-get", ["download", "--quiet", ...packages], { cwd: work });
  const excludes = LEFT_OUT.map((name) => `--exclude=${name}`);
  for (const file of await readdir(work)) {
    const unpack = ["--extract", "--directory", root, "--keep-directory-symlink", ...excludes];
    await execa("dpkg-deb", ["--fsys-tarfile", file], { cwd: work, encoding: "buffer" }).pipe("tar", unpack);
  }
}

async function addSettings(root: string): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n",
    "etc/group": "root:x:0:\nnode:x:1000:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "usr/local/bin/docker-entrypoint.sh": ENTRYPOINT,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(root, name), text);
  await chmod(path.join(root, "usr/local/bin/docker-entrypoint.sh"), 0o755);
}

/** As the real image's: arguments that are no command are Node's. */
const ENTRYPOINT = `#!/bin/sh
set -e
if [ "\${1#-}" != "$1" ] || ! command -v "$1" >/dev/null; then
  set -- node "$@"
fi
exec "$@"
`;

async function addNode(root: string, { nodeVersion }: Base, work: string): Promise<void> {
  await addPackage(`node-linux-${process.arch}@${nodeVersion}`, work, path.join(root, "usr/local"), [
    "package/bin/node",
  ]);
  const npm = path.join(root, "usr/local/lib/node_modules/npm");
  await addPackage(`npm@${NPM_VERSION}`, work, npm, ["--exclude=package/docs", "--exclude=package/man", "package"]);
  for (const name of ["npm", "npx"])
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, path.join(root, "usr/local/bin", name));
}

/** Unpacks an npm package. @param what names within it, or further options of tar */
async function addPackage(name: string, work: string, folder: string, what: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { stdout: file } = await execa("npm", ["pack", "--silent", name], { cwd: work });
  const unpack = ["--extract", "--gzip", "--strip-components=1", "--no-same-owner", "--directory", folder];
  await execa("tar", [...unpack, "--file", path.join(work, file.trim()), ...what]);
}

async function addPackages(root: string, appFolder: string, work: string): Promise<void> {
  for (const file of ["package.json", "package-lock.json"])
    await copyFile(path.join(appFolder, file), path.join(work, file));
  const options = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", path.join(root, NPM_CACHE)];
  await execa("npm", ["ci", ...options], { cwd: work });
  // The cache knows a package by the registry that it came from.
  const { stdout: registry } = await execa("npm", ["config", "get", "registry"], { cwd: work });
  const settings = { cache: `/${NPM_CACHE}`, registry, offline: "true", "update-notifier": "false" };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(path.join(root, "usr/local/etc/npmrc"), lines.join(""));
}
