/**
 * Bugs put into production code on purpose, each of which some test has to find. `find` stands exactly once in the file, so that a
 * change of the code shows here.
 */
export interface Mutation {
  readonly title: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Tests that have to find it. @default - simulation and decisions */
  readonly suites?: readonly string[];
}

const rollout = "scripts/rollout";

export const mutations: readonly Mutation[] = [
  {
    title: "no quorum before a batch",
    file: `${rollout}/phases/hosts.ts`,
    find: "await quorum(context, () => failingFirst(turn(context, waiting)).slice(0, size));",
    replace: "failingFirst(turn(context, waiting)).slice(0, size);",
  },
  {
    title: "hosts leave in the order of the manifest",
    file: `${rollout}/core/turn.ts`,
    find: "return [...hosts].sort((a, b) => (waits.get(a) ?? 0) - (waits.get(b) ?? 0));",
    replace: "return [...hosts];",
  },
  {
    title: "a drained host leaves although another one has stopped serving",
    file: `${rollout}/phases/rotation.ts`,
    find: "    if (mayStay) stayIfNeeded(context, member);\n",
    replace: "",
  },
  {
    title: "hosts that look down are stopped all at once",
    file: `${rollout}/core/plan.ts`,
    find: '...chunks(of("converge").filter(runs), most)',
    replace: '...chunks(of("converge").filter(runs), names.length)',
  },
  {
    title: "one look is enough to take a host for down",
    file: `${rollout}/phases/release.ts`,
    find: "  await insistOnDown(",
    replace: "  if (context.release === null) await insistOnDown(",
  },
  {
    title: "connections count for nothing where something else answers the host's own look",
    file: `${rollout}/core/contradiction.ts`,
    find: "(lifecycle === null && !isItsOwn)",
    replace: "false",
  },
  {
    title: "a host that fails beside one that serves after all is tried again in a new plan",
    file: `${rollout}/phases/down.ts`,
    find: 'failed.find(({ reason }) => !isExpected(reason, "DownContradicted")) ?? failed[0]',
    replace: "failed[0]",
  },
  {
    title: "a host that came to itself a moment ago is not given the time that the balancer needs",
    file: `${rollout}/phases/release.ts`,
    find: "  if (silent.some((member) => mayGetRequests(surveyOf(member)))) context.surveyedMs = context.ports.clock.now();\n",
    replace: "",
  },
  {
    title: "a killed steward leaves its host as it is",
    file: `${rollout}/phases/restore.ts`,
    find: "    await member.host.recover();\n",
    replace: "",
  },
  {
    title: "requests that others send meanwhile count as failed",
    file: `${rollout}/own-requests.ts`,
    find: "return () => underWay + (this.#begun - begun) - (this.#failed - failed);",
    replace: "return () => this.#begun - begun - (this.#failed - failed);",
    suites: ["__tests__/rollout/own-requests.test.ts"],
  },
  {
    title: "a host that does not tell what it gets hides a failing release",
    file: `${rollout}/phases/clients.ts`,
    find: "landings.failedOnHosts > 0 || (await failsBesideOthers(context, member, others(), landings))",
    replace: "landings.failedOnHosts > 0",
  },
  {
    title: "superseded hosts are stopped without drain and ejection",
    file: `${rollout}/phases/retire.ts`,
    find: "if (member.tagged && member.survey && mayGetRequests(member.survey)) {",
    replace: "if (false) {",
  },
  {
    title: "superseded hosts leave before the listed ones are replaced",
    file: `${rollout}/run.ts`,
    find: "        () => follow(context, plan),\n",
    replace: "        () => retireAll(context, named(plan.retire)).then(() => follow(context, plan)),\n",
  },
  {
    title: "the end is not proven",
    file: `${rollout}/run.ts`,
    find: "    await prove(context);\n",
    replace: "",
  },
  {
    title: "minReadySeconds is not waited for",
    file: `${rollout}/phases/hosts.ts`,
    find: "  await awaitMinReady(context, member, instance);\n",
    replace: "",
  },
  {
    title: "a host serves whatever its health path answers",
    file: `${rollout}/core/target.ts`,
    find: " || survey.health !== 200",
    replace: "",
  },
  {
    title: "one odd look counts as down",
    file: `${rollout}/phases/doubt.ts`,
    find: "const until = clock.now() + blindWaitMs(context.check.unhealthyThreshold, context.check);",
    replace: "const until = clock.now();",
  },
  {
    title: "ejection looks at the first node only",
    file: `${rollout}/core/gates.ts`,
    find: "    for (const source of sources) {\n      const failed",
    replace: "    for (const source of sources.slice(0, 1)) {\n      const failed",
  },
  {
    title: "quorum and readmission look at the first node only",
    file: `${rollout}/core/gates.ts`,
    find: "  for (const source of sources) {\n    const passed",
    replace: "  for (const source of sources.slice(0, 1)) {\n    const passed",
  },
  {
    title: "one passed probe less is enough",
    file: `${rollout}/core/gates.ts`,
    find: "if (passed < check.healthyThreshold) {",
    replace: "if (passed < check.healthyThreshold - 1) {",
  },
  {
    title: "a quiet window may have unanswered requests",
    file: `${rollout}/core/gates.ts`,
    find: "return sent >= enough && answered >= usual",
    replace: "return sent >= enough",
  },
  {
    title: "requests that land on a drained host do not count",
    file: `${rollout}/core/gates.ts`,
    find: "if (landed > 0) return",
    replace: "if (landed > 1e9) return",
  },
  {
    title: "readmission needs no request that landed",
    file: `${rollout}/core/gates.ts`,
    find: "return lifecycle.witnessRequests > 0 ? pass :",
    replace: "return lifecycle.witnessRequests >= 0 ? pass :",
  },
  {
    title: "without a view of the balancer two intervals less are waited",
    file: `${rollout}/core/gates.ts`,
    find: "const blindMs = (check.unhealthyThreshold + 1) *",
    replace: "const blindMs = (check.unhealthyThreshold - 1) *",
  },
  {
    title: "nodes are known from the first host only",
    file: `${rollout}/context.ts`,
    find: "    members.map((member) => lifecycleNow(context, member)),\n",
    replace: "    members.slice(0, 1).map((member) => lifecycleNow(context, member)),\n",
    suites: ["__tests__/rollout/context.test.ts"],
  },
  {
    title: "requests in flight are not waited for",
    file: `${rollout}/phases/rotation.ts`,
    find: "  await awaitIdle(context, member, drained.instance, heedsClients);\n",
    replace: "",
  },
  {
    title: "the old container is killed at once",
    file: `${rollout}/host-steps.ts`,
    find: 'run: { do: "stop", slot: "current", timeoutSeconds: stopTimeoutSeconds },\n      undo',
    replace: 'run: { do: "stop", slot: "current", timeoutSeconds: 0 },\n      undo',
    suites: ["__tests__/rollout/commands/steward.dash.test.ts", "-t", "dash.*drains, replaces and commits"],
  },
  {
    title: "a drained host keeps its restart policy",
    file: `${rollout}/host-steps.ts`,
    find: 'run: { do: "stay-down", slot: "current" },',
    replace: 'run: { do: "bring-back", slot: "current" },',
  },
  {
    title: "the drained process may be another one when it is stopped",
    file: `${rollout}/host-steps.ts`,
    find: '...(standing === "in-rotation" && policy.gate === "evidence"',
    replace: '...(standing === "in-rotation" && policy.gate !== "evidence"',
  },
  {
    title: "a new container is taken back without leaving rotation",
    file: `${rollout}/phases/restore.ts`,
    find: "  if (member.swapped && context.expectService && !isAlone(context, member)) await retreat(context, member, work);\n",
    replace: "",
  },
  {
    title: "told to stop, a ready container is taken back under its clients",
    file: `${rollout}/phases/restore.ts`,
    find: 'isExpected(error, "Interrupted", "RolloutTimeout") && member.swapped',
    replace: "false",
  },
  {
    title: "the steward takes a container back that could not be committed",
    file: `${rollout}/commands/steward.ts`,
    find: 'if [ "$1" != commit ]; then take_back; fi',
    replace: "take_back",
    suites: ["__tests__/rollout/commands/steward.dash.test.ts", "-t", "dash.*committed"],
  },
  {
    title: "the heartbeat begins with the last lock",
    file: `${rollout}/phases/locks.ts`,
    find: "    for (const member of members) void keepAlive(context, member, end.signal);\n    const untilMs = context.ports.clock.now() + context.request.waitSeconds * 1000;\n    // Only what was allowed for it ends the wait.\n    context.deadlineMs = Infinity;\n    for (const member of members) await lock(context, member, untilMs);\n",
    replace:
      "    const untilMs = context.ports.clock.now() + context.request.waitSeconds * 1000;\n    for (const member of members) await lock(context, member, untilMs);\n    for (const member of members) void keepAlive(context, member, end.signal);\n",
  },
  {
    title: "an unreachable superseded host is not seen to get no request",
    file: `${rollout}/phases/retire.ts`,
    find: "  await awaitTrafficElsewhere(context, members);\n",
    replace: "",
  },
  {
    title: "going back does not give the balancer the time to see the host that failed",
    file: `${rollout}/phases/go-back.ts`,
    find: "  context.surveyedMs = context.ports.clock.now();\n",
    replace: "",
  },
  {
    title: "what was gone back from can be gone back to",
    file: `${rollout}/host-steps.ts`,
    find: "    ...(goesBack\n",
    replace: "    ...(false\n",
  },
  {
    title:
      "a host that was there already keeps the release before when the fleet goes back, and is not looked after otherwise",
    file: `${rollout}/run.ts`,
    find: '    await settled(keptOnes(context).map((member) => perform(context, member, "commit")));\n',
    replace: "",
  },
  {
    title: "a host whose answer to a commit was lost is said to be restored",
    file: `${rollout}/core/fate.ts`,
    find: '(detail === "commit" && swapped)',
    replace: "false",
  },
  {
    title: "a reboot starts a superseded container again",
    file: `${rollout}/host-steps.ts`,
    find: '{ ...restartOff, name: "retired-restart-off" }',
    replace: '{ name: "retired-restart-off" }',
  },
  {
    title: "what is kept is what served before another rollout was waited for",
    file: `${rollout}/phases/release.ts`,
    find: "  await lookAgain(context, lockedOf(context));\n  const goal",
    replace: "  const goal",
  },
  {
    title: "hosts go back beside one that was not seen to serve again",
    file: `${rollout}/phases/go-back.ts`,
    find: '  if (lost) throw new RolloutError("QuorumLost", `${lost.info.name} was not seen to serve again`);\n',
    replace: "",
  },
  {
    title: "hosts that wait together send requests each for themselves",
    file: `${rollout}/rounds.ts`,
    find: "    if (this.#next) return this.#next;\n",
    replace: "",
  },
  {
    title: "what the balancer may have taken in is stopped at once when it is taken back",
    file: `${rollout}/host-steps.ts`,
    find: 'retreat: standing === "alone" ? null : retreatOf(policy, check),',
    replace: "retreat: null,",
  },
  {
    title: "a superseded host whose Docker does not answer counts as empty",
    file: `${rollout}/phases/doubt.ts`,
    find: "  for (const member of members) if (mayBeLost(member) && member.survey?.docker === null) lose(member);\n",
    replace: "",
  },
  {
    title: "a superseded host is taken out by what it was before the others were replaced",
    file: `${rollout}/phases/retire.ts`,
    find: "  await prepare(context, [member]);\n",
    replace: "",
  },
  {
    title: "a new container that fails the balancer's probes stays ready",
    file: `${rollout}/phases/rotation.ts`,
    find: 'failed() >= context.check.unhealthyThreshold ? "failing the balancer\'s health checks" : state',
    replace: "state",
  },
  {
    title: "a host that answers on its own is success, whether the balancer sends to it or not",
    file: `${rollout}/run.ts`,
    find: "  await expectRotation(context);\n",
    replace: "",
  },
  {
    title: "a container is stopped where the disk has no room to start it again",
    file: `${rollout}/host-steps.ts`,
    find: "return megabytes > 0 ?",
    replace: "return megabytes < 0 ?",
    suites: ["__tests__/rollout/commands/steward.dash.test.ts", "-t", "no room to start it again"],
  },
  {
    title: "the guard lets the balancer change over while hosts are silent there",
    file: `${rollout}/guard.ts`,
    find: "if (silent.length > 0) throw notAnsweredYet(change, silent);",
    replace: "void notAnsweredYet;",
    suites: ["__tests__/rollout/guard.test.ts"],
  },
  {
    title: "the guard lets the balancer change over while another rollout has a host in hand",
    file: `${rollout}/core/guard.ts`,
    find: '  if (last.heldBy !== null) return { type: "held", by: last.heldBy };\n',
    replace: "",
    suites: ["__tests__/rollout/guard.test.ts", "__tests__/rollout/core/guard.test.ts"],
  },
  {
    title: "the pre-deploy command is run again for the same release",
    file: `${rollout}/core/pre-deploy.ts`,
    find: '  if (done) return { do: "nothing", why: `it has run for this release on ${done.host}` };\n',
    replace: "  void done;\n",
  },
  {
    title: "a pre-deploy command that was never started counts as done",
    file: `${rollout}/core/pre-deploy.ts`,
    find: "  !created && !running && !restarting;",
    replace: "  !running && !restarting;",
  },
  {
    title: "the pre-deploy command is run on the way back",
    file: `${rollout}/phases/pre-deploy.ts`,
    find: "if (!preDeploy || !release || context.goesBack) return;",
    replace: "if (!preDeploy || !release) return;",
  },
  {
    title: "a failed pre-deploy command does not stop the rollout",
    file: `${rollout}/phases/pre-deploy.ts`,
    find: "if (!hasPassed(ended)) await fail(",
    replace: "if (false) await fail(",
  },
  {
    title: "another size of droplet is not another droplet",
    file: "constructs/cloud-init.ts",
    find: "# Size: ${props.size}\\n",
    replace: "",
    suites: ["__tests__/constructs/graph.test.ts"],
  },
  {
    title: "the balancer's tag does not wait for the guard",
    file: "constructs/api-fleet.ts",
    find: "{ name: this.settings.fleetTag, dependsOn: [...after] }",
    replace: "{ name: this.settings.fleetTag }",
    suites: ["__tests__/constructs/graph.test.ts", "-t", "leaves the balancer's tag alone"],
  },
];
