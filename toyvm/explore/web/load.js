// The panel of the load: what the dynamic loader did, step by step, out of the moments of the run.

function showLoad(panel, data, app) {
  const { moments, owners } = app.run, steps = [];
  for (let i = 0; i < moments.length; i++) if (moments.group(i) === "loader") steps.push(moments.get(i));
  const goTo = (i) => () => {
    app.select("run");
    app.run.go(i);
  };
  const started = new Map(); // process -> the moment at which its program begins
  for (let i = 0; i < moments.length; i++) if (moments.kind(i) === "exec" && !started.has(moments.rows[i][2])) started.set(moments.rows[i][2], i);
  put(panel, el("div", { class: "load-grid" },
    el("section", { class: "card" }, el("h2", {}, "The search scope"), scopeView(data, steps), facts(data)),
    el("section", { class: "card" }, el("h2", {}, "Where objects are"), mapsOf(steps, owners, goTo)),
    el("section", { class: "card wide-card" }, el("h2", {}, "Bindings"), bindings(steps, data, owners, goTo, app.page.name)),
    el("section", { class: "card wide-card" }, el("h2", {}, "Relocation, object by object"), relocations(steps, owners, goTo))));
}

/** The objects in the order in which a name is looked up: the program, then its libraries as they were loaded. */
function scopeOf(data) {
  return data.libraries.map(base);
}

function scopeView(data) {
  const chips = ["the program", ...scopeOf(data)].map((name) => el("li", {}, el("span", { class: "what" }, el("b", {}, name))));
  return [el("ol", { class: "steps scope" }, chips),
    el("p", { class: "hint" }, "A name is looked up in these objects in this order; the first definition counts. Libraries of dlopen without RTLD_GLOBAL have a scope of their own.")];
}

function facts(data) {
  const sum = (numbers) => Object.values(numbers).reduce((a, b) => a + b, 0);
  const row = (name, value) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "n" }, value));
  return el("table", { class: "facts" }, row("needed (DT_NEEDED)", data.needed.join(", ") || "none"), row("look-ups", count(data.lookups)),
    row("relocations at load", count(sum(data.at_load))), Object.entries(data.at_load).map(([name, n]) => row(`· ${name}`, count(n))),
    row("bound at the first call", count(sum(data.lazy))));
}

function mapsOf(steps, owners, goTo) {
  const loads = steps.filter(({ kind }) => kind === "load" || kind === "unload");
  if (!loads.length) return el("p", { class: "empty" }, "No library was mapped.");
  return el("div", { class: "wide" }, el("table", {}, el("tr", {}, ["", "", "object", "from", "to"].map((name) => el("th", {}, name))), loads.map((step) =>
    el("tr", {}, el("td", {}, momentButton(step, goTo)), el("td", {}, step.kind), el("td", {}, el("code", {}, step.f.path)), el("td", {}, el("code", {}, hex(step.f.start))), el("td", {}, el("code", {}, hex(step.f.end)))))));
}

const momentButton = (step, goTo) => el("button", { class: "to", onclick: goTo(step.index), title: "Show this moment of the run" }, `#${step.index}`);

function bindings(steps, data, owners, goTo, program) {
  const bound = steps.filter(({ kind }) => kind === "bind");
  if (!bound.length) return el("p", { class: "empty" }, "No symbol was looked up.");
  const scope = [program, ...scopeOf(data)];
  return el("div", { class: "wide tall" }, el("table", {}, el("tr", {}, ["", "symbol", "of", "looked up in", "address", "when"].map((name) => el("th", {}, name))), bound.map((step) => {
    const { f } = step;
    return el("tr", { class: f.lazy ? "lazy" : null }, el("td", {}, momentButton(step, goTo)), el("td", {}, el("code", {}, f.symbol)), el("td", {}, base(f.path)),
      el("td", {}, trail(scope, base(f.definer))), el("td", {}, el("code", {}, hex(f.value))),
      el("td", {}, f.lazy ? ["at the first call, GOT slot ", el("code", {}, hex(f.slot))] : "at load"));
  })));
}

/** The objects that the look-up passed, and the one in which it ended. */
function trail(scope, definer) {
  const end = scope.indexOf(definer);
  if (end < 0) return el("b", {}, definer);
  return scope.slice(0, end + 1).map((name, i) => [i ? " → " : "", i === end ? el("b", {}, `${name} ✓`) : el("span", { class: "passed" }, name)]);
}

function relocations(steps, owners, goTo) {
  return el("div", { class: "wide" }, el("table", {}, el("tr", {}, ["", "object", "applied", "PLT slots that wait"].map((name) => el("th", {}, name))),
    steps.filter(({ kind }) => kind === "relocate").map((step) => el("tr", {}, el("td", {}, momentButton(step, goTo)), el("td", {}, el("code", {}, base(step.f.path))), el("td", {}, step.f.applied || "nothing to do"), el("td", { class: "n" }, count(step.f.slots))))));
}
