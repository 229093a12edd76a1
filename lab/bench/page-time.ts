/** What the bench's page says of time: of all, of the hosts, and of what is neither. Pure. */
import { ourNames, phaseNames, type BenchFigures } from "./figures.js";
import { place, placeHead, spread, spreadIn, table, titles } from "./page-table.js";
import { floorOf, othersOf, othersTogether, outsideHosts, ratioOf, secondsOf, sidesOf } from "./summary.js";
import {
  CLAIMED_DROPLETS,
  CLAIMED_INTERVAL,
  MOST_ABOVE_FLOOR_SECONDS,
  MOST_HANDOFF_SECONDS,
  MOST_OF_ARTICLE,
  MOST_OF_FLOOR,
  MOST_OTHER_SECONDS,
  MOST_TOGETHER_SECONDS,
} from "./verdict.js";

/** Most seconds of a handoff in which no host is at work. An aim: it is no claim, and ends no bench. */
const AIMED_OUTSIDE_SECONDS = 3;

export function times({ cells }: BenchFigures): string {
  const head = [
    ...[...placeHead, "rounds"],
    ...["article s", "of it stops", "drain s", "of it stops", "floor s", "drain / article"],
    ...["handoff s", "handoff / article"],
  ];
  const stopsIn = (values: ReturnType<typeof sidesOf>): string =>
    spreadIn(
      values.map(({ stops }) => stops && stops.seconds),
      1,
    );
  const rows = cells.map((cell) => [
    ...[...place(cell), String(cell.rounds.length)],
    ...(["article", "drain"] as const).flatMap((name) => [
      spread(secondsOf(cell, name), 1),
      stopsIn(sidesOf(cell, name)),
    ]),
    ...[floorOf(cell).toFixed(1), spread(ratioOf(cell, "drain"), 2)],
    ...[spread(secondsOf(cell, "handoff"), 1), spread(ratioOf(cell, "handoff"), 2)],
  ]);
  return `## Time

Claimed: ${CLAIMED_DROPLETS} droplets are handed over within ${MOST_HANDOFF_SECONDS} s and one interval, which the first one's proof takes at most. That is at most ${MOST_OF_ARTICLE} of the
article's time where the balancer probes every ${CLAIMED_INTERVAL} s. A drain takes at most ${MOST_OF_FLOOR} of its floor and ${MOST_ABOVE_FLOOR_SECONDS} s more. The floor is that of all hosts
together, one after the other: the wait for the first failing probe, as the rollout saw it, (unhealthy + healthy - 1) intervals, and what stop and
start take beyond one interval. The article's app does not handle SIGTERM, so Docker waits its ten seconds for each container that it stops; an app
that does would save the article most of its stops.

${table(head, rows)}`;
}

/** Where the seconds went. */
export function phases({ cells }: BenchFigures): string {
  const columns = phaseNames.filter((name) => name !== "hosts");
  const rows = cells.flatMap((cell) =>
    ourNames.map((name) => {
      const all = cell.rounds.map((round) => round[name].phases);
      return [
        ...[...place(cell), titles[name]],
        ...columns.map((column) =>
          spreadIn(
            all.map((one) => one[column]),
            1,
          ),
        ),
        spreadIn(all.map(outsideHosts), 1),
        spreadIn(
          all.map(({ hosts }) => hosts),
          1,
        ),
      ];
    }),
  );
  return `## Where the seconds went

In the order of a rollout, but for the first: its process starts and ends, it connects and looks, locks the hosts, pulls the image, looks again and plans,
and learns what clients are used to. Then the hosts take their turns, with time between them. At the end it waits for the balancer's answers that are left, looks
once more, writes the record, removes old images and frees the locks. Outside the hosts is all of that but their turns. The aim for ${CLAIMED_DROPLETS} droplets is
${AIMED_OUTSIDE_SECONDS} s, and no claim depends on it.

${table([...placeHead, "by", ...columns.map((column) => `${column} s`), "outside the hosts s", "hosts s"], rows)}`;
}

export function handedOver({ cells, settings }: BenchFigures): string {
  const claim = settings.atOnce
    ? `those after the first one are handed over at once, all within ${MOST_TOGETHER_SECONDS} s`
    : `each after the first one is handed over within ${MOST_OTHER_SECONDS} s`;
  const rows = cells.map(({ rounds, ...cell }) => [
    ...place({ ...cell, rounds }),
    spreadIn(
      rounds.flatMap(({ handoff }) => handoff.hosts.slice(0, 1).map(({ seconds }) => seconds)),
      1,
    ),
    spreadIn(rounds.flatMap(othersOf), 1),
    spreadIn(rounds.map(othersTogether), 1),
  ]);
  return `## Hosts that are handed over

Claimed: ${claim}. The first one goes alone, and its seconds hold the wait for the balancer's next probe.

${table([...placeHead, "first host s", "each other s", "the others together s"], rows)}`;
}

export function drained({ cells }: BenchFigures): string {
  const fields = [
    "drainSeconds",
    "letGoSeconds",
    "readmissionSeconds",
    "takenInSeconds",
    "seconds",
    "floorSeconds",
  ] as const;
  const rows = cells.map((cell) => {
    const hosts = cell.rounds.flatMap(({ drain }) => drain.hosts);
    return [
      ...[...place(cell), String(hosts.length)],
      ...fields.map((field) =>
        spreadIn(
          hosts.map((host) => host[field]),
          1,
        ),
      ),
    ];
  });
  const head = ["hosts", "drain s", "balancer let go s", "readmission s", "balancer took in s", "host s", "floor s"];
  return `## Hosts that are drained

When the balancer let a host go and took it in is the balancer's own view: no drain that waits for it can be quicker.

${table([...placeHead, ...head], rows)}`;
}
