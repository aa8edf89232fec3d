// The panel of the load: what the dynamic loader did, step by step, out of the moments of the run.

function showLoad(panel, data, app) {
  const { moments } = app.run, steps = [];
  for (let i = 0; i < moments.length; i++) if (moments.group(i) === "loader") steps.push(moments.get(i));
  const goTo = (i) => () => {
    app.select("run");
    app.run.go(i);
  };
  put(panel, el("div", { class: "load-grid" },
    el("section", { class: "card" }, el("h2", {}, "The search scope"), scopeView(data, steps), facts(data)),
    el("section", { class: "card" }, el("h2", {}, "Where objects are"), mapsOf(steps, goTo)),
    el("section", { class: "card wide-card" }, el("h2", {}, "Look-ups and bindings"), bindings(steps, goTo)),
    el("section", { class: "card wide-card" }, el("h2", {}, "Relocation, object by object"), relocations(steps, goTo))));
}

/** The scopes of the first look-up: the objects in the order in which a name is looked up. */
function scopeView(data, steps) {
  const first = steps.find(({ kind }) => kind === "bind");
  const scopes = first ? scopesOf(first.f) : [["the program", ...data.libraries]];
  return [scopes.map((names) => el("ol", { class: "steps scope" }, names.map((name) => el("li", {}, el("span", { class: "what" }, el("b", {}, base(name))))))),
    el("p", { class: "hint" }, "A name is looked up in these objects in this order; the first definition counts. Libraries of dlopen without RTLD_GLOBAL have a scope of their own.")];
}

const scopesOf = (f) => f.scopes.split("\n").map((line) => line.split("\t"));

function facts(data) {
  const sum = (numbers) => Object.values(numbers).reduce((a, b) => a + b, 0);
  const row = (name, value) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "n" }, value));
  return el("table", { class: "facts" }, row("needed (DT_NEEDED)", data.needed.join(", ") || "none"), row("look-ups", count(data.lookups)),
    row("relocations at load", count(sum(data.at_load))), Object.entries(data.at_load).map(([name, n]) => row(`· ${name}`, count(n))),
    row("bound at the first call", count(sum(data.lazy))));
}

function mapsOf(steps, goTo) {
  const loads = steps.filter(({ kind }) => kind === "load" || kind === "unload");
  if (!loads.length) return el("p", { class: "empty" }, "No library was mapped.");
  return el("div", { class: "wide" }, el("table", {}, el("tr", {}, ["", "", "object", "from", "to"].map((name) => el("th", {}, name))), loads.map((step) =>
    el("tr", {}, el("td", {}, momentButton(step, goTo)), el("td", {}, step.kind), el("td", {}, el("code", {}, step.f.path)), el("td", {}, el("code", {}, hex(step.f.start))), el("td", {}, el("code", {}, hex(step.f.end)))))));
}

const momentButton = (step, goTo) => el("button", { class: "to", onclick: goTo(step.index), title: "Show this moment of the run" }, `#${step.index}`);

function bindings(steps, goTo) {
  const bound = steps.filter(({ kind }) => kind === "bind");
  if (!bound.length) return el("p", { class: "empty" }, "No symbol was looked up.");
  return el("div", { class: "wide tall" }, el("table", {}, el("tr", {}, ["", "symbol", "for", "looked up in", "address", "when", "rule"].map((name) => el("th", {}, name))), bound.map((step) => {
    const { f } = step;
    return el("tr", { class: f.lazy ? "lazy" : null }, el("td", {}, momentButton(step, goTo)), el("td", {}, el("code", {}, f.symbol), f.version ? `@${f.version}` : ""),
      el("td", {}, base(f.path), el("div", { class: "hint" }, f.relocation)), el("td", {}, trail(f)), el("td", {}, f.definer ? el("code", {}, hex(f.value)) : "none"),
      el("td", {}, whenBound(f), f.lazy ? [", GOT slot ", el("code", {}, hex(f.place))] : null), el("td", { class: "rule" }, f.rule));
  })));
}

/** The objects that a look-up tried, each with the verdict, and those that it interposed. */
function trail(f) {
  if (!f.probes) return f.definer ? base(f.definer) : "";
  return el("ol", { class: "trail" }, f.probes.split("\n").map((line) => {
    const [object, verdict, version, tried] = line.split("\t"), found = verdict === "found";
    if (tried !== "tried") return el("li", { class: "passed" }, `${base(object)}: `, found ? "would define it too" : verdict);
    return el("li", { class: found ? "hit" : "passed" }, found ? el("b", {}, `✓ ${base(object)}${version}`) : [`✗ ${base(object)}: `, verdict]);
  }));
}

function relocations(steps, goTo) {
  return el("div", { class: "wide" }, el("table", {}, el("tr", {}, ["", "object", "applied", "PLT slots that wait"].map((name) => el("th", {}, name))),
    steps.filter(({ kind }) => kind === "relocate").map((step) => el("tr", {}, el("td", {}, momentButton(step, goTo)), el("td", {}, el("code", {}, base(step.f.path))), el("td", {}, step.f.applied || "nothing to do"), el("td", { class: "n" }, count(step.f.slots))))));
}
