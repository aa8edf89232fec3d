// The memory of one process: its areas with what of each is in memory, and its page table as a tree.

const SEGMENTS = 64; // of an area's bar
const MOST_ROWS = 240; // of the tree
const FOLD = 5; // like entries in a row, from which they are one line

/** The areas, low addresses first, each with a bar of its pages. */
function showAreas(box, machine, space, owners, chosenVa) {
  if (!space) {
    keepOne(box, el("p", { class: "empty" }, "No memory: the process has not begun, or has ended."));
    return;
  }
  const leaves = new Map();
  for (const { level, va, pte } of machine.entries(space.root)) {
    if (!isTable(pte)) for (let page = 0; page < (level === 1 ? 512 : 1); page++) leaves.set(va + page * PAGE, pte);
  }
  const frames = machine.frames();
  keep(box, machine.areasOf(space).map((area) => areaRow(area, leaves, frames, owners, chosenVa)));
}

function areaRow(area, leaves, frames, owners, chosenVa) {
  const pages = (area.end - area.start) / PAGE, each = Math.max(1, Math.ceil(pages / SEGMENTS));
  const present = [...(pages > leaves.size ? leaves.keys() : range(area.start, area.end, PAGE))]
    .filter((va) => va >= area.start && va < area.end && leaves.has(va));
  const marks = new Map();
  for (const va of present) {
    const segment = Math.floor((va - area.start) / PAGE / each), pte = leaves.get(va);
    if (!marks.has(segment)) marks.set(segment, pageClass(pte, frames));
  }
  const inMemory = present.filter((va) => !isSwapped(leaves.get(va))).length, swapped = present.length - inMemory;
  const segments = Math.ceil(pages / each), runs = runsOf(marks, segments);
  const here = chosenVa >= area.start && chosenVa < area.end;
  const bar = () => el("span", { class: "bar", "aria-hidden": "true", style: { "--n": segments } },
    runs.map(([length, name, owner]) => el("i", { class: name, style: { "--c": owner ? owners.colour(owner) : null, "flex-grow": length } })));
  const key = [area.start, area.end, area.permissions, area.name, here, inMemory, swapped, runs.join()].join(" ");
  return [key, () => el("div", { class: "area" + (here ? " here" : ""), role: "listitem" },
    el("code", { class: "range" }, `${hex(area.start).slice(2)}–${hex(area.end).slice(2)}`),
    el("code", { class: "perms" }, strings[area.permissions]),
    el("span", { class: "name" }, base(strings[area.name]) || "anonymous"),
    bar(),
    el("span", { class: "pages" }, `${count(inMemory)} of ${plural(pages, "page")}${swapped ? `, ${count(swapped)} swapped` : ""}`))];
}

/** [length, class, owner] of each run of like segments. */
function runsOf(marks, segments) {
  const runs = [];
  for (let i = 0; i < segments; i++) {
    const { name, owner } = marks.get(i) ?? { name: "absent", owner: 0 }, last = runs[runs.length - 1];
    if (last && last[1] === name && last[2] === owner) last[0]++;
    else runs.push([1, name, owner]);
  }
  return runs;
}

function pageClass(pte, frames) {
  if (isSwapped(pte)) return { name: "swapped", owner: 0 };
  const what = frames.get(frameOf(pte));
  return { name: what?.use === "zero" ? "zero" : what?.owner === SEVERAL ? "shared" : pte & COW ? "cow" : "mine", owner: what?.owner ?? 0 };
}

function* range(from, to, step) {
  for (let value = from; value < to; value += step) yield value;
}

/** The page table, an entry a line, indented by level. Runs of like leaves are one line. */
function showTree(box, machine, space) {
  if (!space) {
    keepOne(box, el("p", { class: "empty" }, "No page table."));
    return;
  }
  const rows = [[`root ${space.root}`, () => treeRow(3, [el("b", {}, "satp"), " root table in frame ", frameChip(space.root)], false)]];
  let run = [];
  const flush = () => {
    if (run.length >= FOLD) rows.push(foldedRow(run));
    else rows.push(...run.map((entry) => entryRow(entry, machine)));
    run = [];
  };
  for (const entry of machine.entries(space.root)) {
    if (rows.length > MOST_ROWS) break;
    const last = run[run.length - 1];
    const like = last && !isTable(entry.pte) && entry.level === last.level && entry.va === last.va + PAGE
      && entry.pte % 1024 === last.pte % 1024 && !machine.replaced.has(`${entry.table}:${entry.index}`)
      && !machine.replaced.has(`${last.table}:${last.index}`);
    if (!like) flush();
    if (isTable(entry.pte)) rows.push(entryRow(entry, machine));
    else run.push(entry);
  }
  flush();
  if (rows.length > MOST_ROWS) rows.push(["more", () => el("div", { class: "more" }, "… more entries are not shown")]);
  keep(box, rows);
}

function treeRow(level, content, changed) {
  return el("div", { class: "entry" + (changed ? " changed" : ""), role: "treeitem", "aria-level": 4 - level, style: { "--depth": 3 - level } }, content);
}

const frameChip = (frame) => el("code", { class: "frame" }, hex(frame));

/** [key, make] of the row of an entry (see `keep`). */
function entryRow(entry, machine) {
  const place = `${entry.table}:${entry.index}`, changed = machine.replaced.has(place);
  const before = changed ? machine.replaced.get(place) : entry.pte;
  return [`${place} ${entry.va} ${entry.pte} ${before} ${changed}`, () => makeEntryRow(entry, changed, before)];
}

function makeEntryRow({ level, index, va, pte }, changed, before) {
  const number = el("code", { class: "index", title: `VPN[${level}]` }, `${level}[${index}]`);
  if (isTable(pte)) return treeRow(level, [number, ` table in frame `, frameChip(frameOf(pte)), el("code", { class: "va" }, `from ${hex(va)}`)], changed);
  return treeRow(level, [number, el("code", { class: "va" }, hex(va)), pteBoxes(pte, before),
    isSwapped(pte) ? null : ["→ ", frameChip(frameOf(pte))], level === 1 ? el("b", { class: "soft" }, "megapage") : null], changed);
}

function foldedRow(run) {
  const first = run[0], last = run[run.length - 1];
  const key = `${first.table}:${first.index} ${first.va} ${first.pte} to ${last.index} ${last.pte}`;
  return [key, () => treeRow(first.level, [el("code", { class: "index" }, `${first.level}[${first.index}–${last.index}]`),
    el("code", { class: "va" }, `${hex(first.va)} …`), pteBoxes(first.pte), el("b", { class: "soft" }, plural(run.length, "page")),
    isSwapped(first.pte) ? null : ["→ ", frameChip(frameOf(first.pte)), " … ", frameChip(frameOf(last.pte))]], false)];
}
