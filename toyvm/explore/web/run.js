// The panel of the run: the slider, its buttons, and all views of one moment.

class RunPanel {
  constructor(run, announce) {
    strings = run.strings;
    this.announce = announce;
    this.run = run;
    this.moments = new Moments(run);
    this.timeline = new Timeline(run.moments);
    this.owners = new Owners(this.moments);
    this.at = -1;
    this.follow = true;
    this.tid = null;
    this.results = null;
    this.slider = $("slider");
    this.slider.max = this.moments.length - 1;
    const go = (i) => this.go(i);
    this.strip = new Strip($("strip"), this.moments, this.owners, go);
    this.list = new MomentList($("moments"), this.moments, this.owners, go);
    this.map = new FrameMap($("frames"), $("frame-note"), $("frame-legend"), this.moments, this.owners);
    this.outputs = [];
    run.moments.forEach((row, i) => (row[4].o ?? []).forEach(([stream, text]) => this.outputs.push({ i, stream, text })));
    this.listen();
    this.go(0);
  }

  listen() {
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    const actions = {
      first: () => this.go(0), last: () => this.go(this.moments.length - 1), back: () => this.step(-1), forward: () => this.step(1),
      play: () => this.toggle(), "next-fault": () => this.jump("fault", 1), "next-copy": () => this.jump("copy", 1),
      "next-call": () => this.jump("call", 1), "next-fork": () => this.jump("fork", 1),
    };
    for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);
    $("search").addEventListener("input", () => this.search($("search").value));
    $("search").addEventListener("keydown", (event) => event.key === "Enter" && this.result(event.shiftKey ? -1 : 1));
    $("only").addEventListener("change", () => this.filter());
    $("follow").addEventListener("change", () => {
      this.follow = $("follow").checked;
      this.refresh();
    });
    $("tree").addEventListener("toggle", () => this.refresh());
    if (this.run.missed) $("missed").textContent = `The run went on for ${plural(this.run.missed, "event")} that are not shown.`;
  }

  step(by) {
    this.go(Math.min(this.moments.length - 1, Math.max(0, this.at + by)));
  }

  /** Go to the next moment of a kind: "fault" also finds copies, which are faults. */
  jump(what, step) {
    const accept = {
      fault: (i) => ["fault", "copy"].includes(this.moments.kind(i)), copy: (i) => this.moments.kind(i) === "copy",
      call: (i) => this.moments.kind(i) === "syscall", fork: (i) => ["fork", "thread"].includes(this.moments.kind(i)),
    }[what];
    const found = this.moments.find(this.at, step, accept);
    if (found >= 0) this.go(found);
    else this.announce(`No ${step > 0 ? "later" : "earlier"} ${what === "call" ? "system call" : what}.`);
  }

  toggle() {
    if (this.timer) {
      clearInterval(this.timer);
      this.timer = null;
    } else {
      if (this.at === this.moments.length - 1) this.go(0);
      this.timer = setInterval(() => (this.at < this.moments.length - 1 ? this.step(1) : this.toggle()), 1000 / Number($("speed").value));
    }
    $("play").setAttribute("aria-pressed", this.timer ? "true" : "false");
    $("play").textContent = this.timer ? "❚❚" : "▶";
    $("play").setAttribute("aria-label", this.timer ? "Pause" : "Play");
  }

  search(text) {
    const wanted = text.trim().toLowerCase();
    this.results = wanted ? this.moments.rows.map((_, i) => i).filter((i) => this.moments.haystack(i).includes(wanted)) : null;
    $("found").textContent = this.results ? `${count(this.results.length)} found` : "";
    this.filter();
    if (this.results?.length && !this.results.includes(this.at)) this.result(1);
  }

  /** Go to the next moment that the search has found, around the end. */
  result(step) {
    if (!this.results?.length) return;
    const later = step > 0 ? this.results.find((i) => i > this.at) : this.results.findLast((i) => i < this.at);
    this.go(later ?? (step > 0 ? this.results[0] : this.results[this.results.length - 1]));
  }

  filter() {
    this.list.filter($("only").checked && this.results ? this.results : null);
  }

  choose(tid) {
    this.tid = tid;
    this.follow = $("follow").checked = false;
    this.refresh();
  }

  /** Choose the next process. */
  nextProcess() {
    const tids = [...this.machine.threads.keys()];
    if (tids.length) this.choose(tids[(tids.indexOf(this.tid) + 1) % tids.length]);
  }

  go(i) {
    if (!(i >= 0 && i < this.moments.length)) return;
    this.at = i;
    this.refresh();
  }

  refresh() {
    const i = this.at, moment = this.moments.get(i);
    this.machine = this.timeline.at(i);
    if (this.follow && moment.tid) this.tid = moment.tid;
    if (!this.machine.threads.has(this.tid)) this.tid = [...this.machine.threads.keys()].pop() ?? this.tid;
    this.map.show(this.machine, moment); // first: a font of a canvas waits for the styles of all changes before it
    this.slider.value = i;
    this.slider.setAttribute("aria-valuetext", `moment ${i} of ${this.moments.length - 1}: ${this.moments.text(i)}`);
    put($("clock"), el("b", {}, `${count(i)}`), ` of ${count(this.moments.length - 1)}`, el("span", { class: "time" }, duration(moment.time)));
    this.strip.show(i);
    this.list.show(i);
    showNow($("now"), moment, this.moments, this.machine, this.owners);
    showProcesses($("processes"), this.machine, this.tid, this.owners, (tid) => this.choose(tid));
    showRegisters($("registers"), this.machine, this.tid, moment);
    this.showMemory(moment);
    this.showOutput(i);
  }

  showMemory(moment) {
    // While a process executes a program, its new memory exists already, without a thread.
    const thread = this.machine.threads.get(this.tid);
    const space = this.machine.spaceOf(this.tid);
    const titles = document.querySelectorAll(".of-process");
    for (const title of titles) put(title, thread ? [this.owners.chip(thread.pid), ` ${strings[thread.comm] || "new"} ${thread.pid}`] : "");
    showAreas($("areas"), this.machine, space, this.owners, moment.f.va ?? -1);
    if ($("tree").open) showTree($("entries"), this.machine, space);
  }

  showOutput(i) {
    const shown = this.outputs.filter((piece) => piece.i <= i);
    put($("output"), shown.map(({ stream, text, i: at }) => el("span", { class: stream + (at === i ? " fresh" : "") }, text)));
    if (!shown.length) put($("output"), el("span", { class: "empty" }, "nothing yet"));
    if (shown.length !== this.outputs.shown) $("output").scrollTop = 1e9;
    this.outputs.shown = shown.length;
  }

  /** Show everything anew: after a change of theme, or when the panel was hidden. */
  redraw() {
    this.owners.retheme();
    this.map.retheme();
    for (const id of ["processes", "areas"]) $(id).kept = null;
    this.strip.draw();
    this.refresh();
  }
}

let strings = []; // of the recording
