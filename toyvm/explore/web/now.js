// The moment in words, and for faults, copies and forks the steps from the trap to the instruction that runs again.

function showNow(box, moment, moments, machine, owners) {
  const pid = machine.threads.get(moment.tid)?.pid ?? moment.tid;
  const comm = machine.threads.get(moment.tid)?.comm;
  const who = moment.tid
    ? [owners.chip(pid), el("b", {}, comm === undefined ? "" : strings[comm]), ` ${moment.tid}`]
    : [el("span", { class: "chip kernel" }, "k"), el("b", {}, "the kernel")];
  put(box,
    el("p", { class: "headline" }, el("span", { class: `badge g-${moment.group}` }, GROUPS[moment.group]), el("span", { class: "who" }, who),
      el("span", { class: "sentence" }, moments.text(moment.index))),
    el("ol", { class: "steps" }, stepsOf(moment, machine).map(([name, ...content]) =>
      el("li", {}, el("span", { class: "step" }, name), el("span", { class: "what" }, content)))),
    el("p", { class: "tally" }, tally(moment)));
}

function stepsOf(moment, machine) {
  const { kind, f } = moment;
  if (kind === "fault" || kind === "copy") return faultSteps(moment);
  if (kind === "fork") return forkSteps(moment, machine);
  if (kind === "syscall" && f.text.length > 60) return [["call", el("code", {}, f.text)]];
  return [];
}

function faultSteps({ f, kind }) {
  const steps = [["trap", f.pc ? [el("code", {}, f.code || "instruction"), ` at `, el("code", {}, f.at || hex(f.pc))] : "the kernel itself touches the page",
    el("br"), `${f.access} `, el("code", {}, hex(f.va))]];
  steps.push(["mapping", f.area ? areaText(f.area) : "none: the address is in no area", f.grew ? ", the stack has grown to it" : ""]);
  const before = roughly(f.before), after = roughly(f.after);
  steps.push(["PTE before", pteBoxes(before, after), before && !isSwapped(before) ? [" frame ", frameChip(frameOf(before))] : null]);
  if (FAILED.includes(f.what)) return [...steps, ["refused", RESOLVED[f.what]]];
  steps.push(kind === "copy" ? copyStep(f) : ["frame", f.frame === null ? "none" : frameChip(f.frame), ` ${RESOLVED[f.what] ?? ""}`]);
  steps.push(["PTE after", pteBoxes(after, before), after && !isSwapped(after) ? [" frame ", frameChip(frameOf(after))] : null]);
  if (f.pc && f.code === "ecall") steps.push(["again", "the kernel repeats its access, and succeeds"]);
  else if (f.pc) steps.push(["again", el("code", {}, f.code || hex(f.pc)), " runs again, and succeeds"]);
  return steps;
}

function copyStep(f) {
  const users = `${plural(f.users, "reference")}${f.cached ? ", one of them the page cache's" : ""}`;
  if (!f.copied) return ["no copy", "frame ", frameChip(f.old), ` has ${users}: the page is taken over`];
  return ["new frame", frameChip(f.frame), f.source === "zero" ? " filled with zeros" : [" is a copy of ", frameChip(f.old)],
    `; ${hex(f.old)} had ${users}, keeps ${count(f.left)}`];
}

function forkSteps({ f, tid, changes }, machine) {
  if (f.shares) return [["memory", "none is copied: both use the same page table"]];
  const parent = machine.spaceOf(tid);
  const mine = new Set(parent ? [...machine.entries(parent.root)].map(({ table }) => table) : []);
  let lost = 0;
  const t = changes.t ?? [];
  for (let i = 0; i < t.length; i += 3) if (mine.has(t[i]) && roughly(t[i + 2]) & COW && !((machine.replaced.get(`${t[i]}:${t[i + 1]}`) ?? 0) & COW)) lost++;
  const child = machine.spaceOf(f.child);
  const pages = child ? [...machine.entries(child.root)].filter(({ pte }) => !isTable(pte)).length : 0;
  return [["tables", `${plural((changes.tn ?? []).length, "new frame")} for the child's page table`],
    ["pages", `${plural(pages, "entry", "entries")} copied; no page is copied: parent and child use the same frames`],
    ["parent", `${plural(lost, "entry", "entries")} lost W and got `, el("b", { class: "soft" }, "cow"), ": the next write traps"]];
}

/** An area's line of /proc/PID/maps, shortened. */
function areaText(line) {
  const [where, perms, , , , ...name] = line.split(/\s+/);
  return [el("code", {}, where), " ", el("code", {}, perms), ` ${base(name.join(" ")) || "anonymous"}`];
}

/** What else the moment changed. */
function tally({ changes }) {
  const parts = [];
  const entries = (changes.t ?? []).length / 3;
  if (entries) parts.push(plural(entries, "page table entry", "page table entries"));
  if (changes.tn) parts.push(plural(changes.tn.length, "new table"));
  if (changes.td) parts.push(plural(changes.td.length, "table") + " freed");
  if (changes.c) parts.push(plural(changes.c.length, "page") + " into the page cache");
  if (changes.cd) parts.push(plural(changes.cd.length, "page") + " out of the page cache");
  const registers = (changes.x ?? []).reduce((sum, [, words]) => sum + words.length / 2, 0);
  if (registers) parts.push(plural(registers, "register"));
  return parts.length ? `Changed since the last moment: ${parts.join(", ")}.` : "";
}
