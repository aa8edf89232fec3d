// What each process is doing, and the registers of the chosen thread.

const NAMES = ["zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7",
  "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6", "pc", "instructions"];

function showProcesses(box, machine, chosen, owners, choose) {
  const threads = [...machine.threads.values()];
  if (!threads.length) {
    keepOne(box, el("p", { class: "empty" }, "No process exists."));
    return;
  }
  keep(box, threads.map((thread) => {
    const ran = machine.registers.get(thread.tid)[33], mine = thread.tid === chosen;
    const key = [thread.tid, thread.comm, thread.doing, thread.place, ran, mine].join();
    return [key, () => processCard(thread, ran, mine, owners, choose)];
  }));
}

function processCard(thread, ran, chosen, owners, choose) {
  const doing = strings[thread.doing];
  return el("button", {
    class: "process" + (chosen ? " chosen" : "") + (doing === "runs" ? " runs" : ""), "aria-pressed": chosen ? "true" : "false",
    onclick: () => choose(thread.tid), style: { "--c": owners.colour(thread.pid) },
  },
  el("span", { class: "who" }, owners.chip(thread.pid), el("b", {}, strings[thread.comm] || "new"),
    el("span", { class: "pid" }, thread.tid === thread.pid ? ` ${thread.pid}` : ` thread ${thread.tid} of ${thread.pid}`)),
  el("span", { class: "doing" }, doing),
  el("span", { class: "where" }, strings[thread.place] || " "),
  el("span", { class: "ran" }, plural(roughly(ran), "instruction")));
}

/** The registers of a thread; those that the moment changed are marked. */
function showRegisters(box, machine, tid, moment) {
  const words = machine.registers.get(tid);
  if (!words) {
    keepOne(box, el("p", { class: "empty" }, "No registers."));
    return;
  }
  const mine = (moment.changes.x ?? []).find(([other]) => other === tid)?.[1] ?? [];
  const changed = new Set(mine.filter((_, i) => i % 2 === 0));
  const order = [32, ...Array.from({ length: 31 }, (_, i) => i + 1)];
  keep(box, order.map((number) => [`${number} ${words[number]} ${changed.has(number)}`, () =>
    el("span", { class: "register" + (changed.has(number) ? " changed" : "") + (words[number] === 0 ? " zero" : "") },
      el("b", {}, NAMES[number]), el("code", {}, hex(words[number])))]));
}
