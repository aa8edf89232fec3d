// The moments of the run in words. A row is [kind, ns since the last, thread, fields, changes].

// What the page calls each kind, its group (colour and jump key), and its sentence.
const GROUPS = {
  fault: "page fault", copy: "copy", call: "system call", process: "process", loader: "loader", other: "other",
};
const GROUP_OF = {
  fault: "fault", copy: "copy", syscall: "call", fork: "process", thread: "process", threadexit: "process",
  exec: "process", exit: "process", map: "other", signal: "process", switch: "other", reclaim: "fault",
  load: "loader", unload: "loader", relocate: "loader", bind: "loader", start: "other", end: "other",
};

// How the kernel resolved a fault (toyvm/base/events.py: FaultKind).
const RESOLVED = {
  demand_zero: "demand zero: a frame of zeros", demand_megapage: "demand zero: 512 frames at once, a megapage",
  zero_read: "first read: the shared zero page", file_minor: "the file's page was in the page cache",
  file_major: "the file's page is read into the page cache", shared_zero: "shared memory: a frame of zeros",
  swap_in: "read back from the swap area", swap_cached: "swapped out, but still in the swap cache",
  cow: "copy-on-write: the page is copied", cow_reuse: "copy-on-write by the last user: no copy",
  write_enable: "a shared page becomes writable", spurious: "the page table already allows it",
  segv: "not allowed: SIGSEGV", sigbus: "beyond the end of the file: SIGBUS", oom: "no frame is left",
};
// The kinds without any frame in their answer.
const FAILED = ["segv", "sigbus", "oom"];

const whenBound = (f) => (f.lazy ? "at its first call" : f.relocation === "dlsym" ? "by dlsym" : "at load");

const base = (path) => path.slice(path.lastIndexOf("/") + 1);

const SENTENCES = {
  start: () => "The machine is switched on",
  end: () => "All programs have ended, and the machine is switched off",
  fault: (f) => `page fault: ${f.access} ${hex(f.va)}: ${RESOLVED[f.what] ?? f.what}`,
  copy: (f) => `page fault: ${f.access} ${hex(f.va)}: ${RESOLVED[f.what] ?? f.what}`,
  syscall: (f) => f.text,
  fork: (f) => `fork: process ${f.child} ${f.shares ? "shares this memory" : "is a copy of this one"}`,
  thread: (f) => `clone: thread ${f.child}`,
  threadexit: (f) => `a thread of process ${f.process} ends`,
  exec: (f) => `exec ${f.path}: ${f.argv}`,
  exit: (f) => (f.signal ? `killed by signal ${f.signal}` : `exit with status ${f.status}`) + ` after ${plural(f.instructions, "instruction")}`,
  map: (f) => `${f.name}: ${f.detail.replace(/\s+/g, " ") || `${hex(f.start)} to ${hex(f.end)}`}`,
  signal: (f) => `signal ${f.signal} ${f.sender ? `from process ${f.sender}` : "from the kernel"}`,
  switch: (f, tid) => `the hart goes to ${tid}${f.previous ? ` from ${f.previous}` : ""}`,
  reclaim: (f) => `reclaim: frame ${hex(f.frame)} is free (${plural(f.mappings, "mapping")}); ${f.slot === null ? "its file has the page" : `the page is in swap slot ${hex(f.slot)}`}`,
  load: (f) => `load ${f.path} at ${hex(f.start)}`,
  unload: (f) => `unload ${f.path}`,
  relocate: (f) => `relocate ${base(f.path)}: ${f.applied || "nothing to do"}${f.slots ? `; ${plural(f.slots, "PLT slot")} wait` : ""}`,
  bind: (f) => `look up ${f.symbol} for ${base(f.path)}: ${f.definer ? `${base(f.definer)} ${hex(f.value)}` : "nothing defines it"}, ${whenBound(f)}`,
};

/** The moments of a recording by number. */
class Moments {
  constructor(run) {
    this.rows = run.moments;
    this.kinds = run.kinds;
    this.strings = run.strings;
    this.fields = run.fields;
    this.times = new Float64Array(this.rows.length);
    let time = 0;
    this.rows.forEach((row, i) => (this.times[i] = time += row[1]));
  }

  get length() {
    return this.rows.length;
  }

  kind(i) {
    return this.kinds[this.rows[i][0]];
  }

  group(i) {
    return GROUP_OF[this.kind(i)];
  }

  /** {index, kind, group, time, tid, f, changes} */
  get(i) {
    const [, , tid, values, changes] = this.rows[i];
    const kind = this.kind(i);
    const f = {};
    this.fields[kind].forEach((name, n) => {
      if (name.startsWith("$")) f[name.slice(1)] = this.strings[values[n]];
      else f[name] = values[n];
    });
    return { index: i, kind, group: GROUP_OF[kind], time: this.times[i], tid, f, changes };
  }

  text(i) {
    const moment = this.get(i);
    return SENTENCES[moment.kind](moment.f, moment.tid);
  }

  /** What a search looks into. */
  haystack(i) {
    const moment = this.get(i);
    return `${moment.tid} ${this.text(i)} ${moment.f.at ?? ""} ${moment.f.area ?? ""}`.toLowerCase();
  }

  /** The next moment from `i` in direction `step` for which `accept(i)`; -1 if there is none. */
  find(i, step, accept) {
    for (let k = i + step; k >= 0 && k < this.length; k += step) if (accept(k)) return k;
    return -1;
  }
}
