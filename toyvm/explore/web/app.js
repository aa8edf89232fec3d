// Starts the page: tabs, theme, keys.

const KEYS = [
  ["← →", "one moment back, forward (with Shift: ten)"], ["Home End", "the first, the last moment"], ["Space", "play, pause"],
  ["f F", "next, previous page fault"], ["c C", "next, previous copy"], ["s S", "next, previous system call"],
  ["k K", "next, previous fork"], ["/", "search"], ["n N", "next, previous moment found"], ["p", "next process"],
  ["1 2 3 4", "Run, Build, Load, Compare"], ["t", "light, dark, or as the system has it"], ["?", "these keys"], ["Esc", "close; leave the search field"],
];
const THEMES = ["auto", "light", "dark"];

class App {
  async start() {
    this.page = await embedded("data-page");
    document.title = `${this.page.name}: toyvm explore`;
    $("program").textContent = this.page.name;
    $("how").textContent = this.page.how;
    this.theme(this.remembered() ?? "auto");
    this.tabs = [...document.querySelectorAll("[role=tab]")].filter((tab) => this.available(tab));
    const say = (text) => ($("say").textContent = text);
    this.run = new RunPanel(await embedded("data-run"), say);
    for (const [id, show] of [["build", showBuild], ["load", showLoad], ["compare", showCompare]]) {
      const data = await embedded(`data-${id}`);
      if (data) show($(`panel-${id}`), data, this);
    }
    put($("keys"), KEYS.map(([keys, what]) => [el("dt", {}, keys.split(" ").map((key) => [el("kbd", {}, key), " "])), el("dd", {}, what)]));
    this.listen();
    this.select("run");
    document.documentElement.dataset.ready = "true";
  }

  /** Whether the page has data for a tab; the tab of a part that it lacks is not shown. */
  available(tab) {
    const there = $(`data-${tab.dataset.panel}`) !== null;
    tab.hidden = !there;
    return there;
  }

  listen() {
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.select(tab.dataset.panel));
      tab.addEventListener("keydown", (event) => this.alongTabs(event, tab));
    }
    $("theme").addEventListener("click", () => this.nextTheme());
    $("help").addEventListener("click", () => $("help-box").showModal());
    document.addEventListener("keydown", (event) => this.key(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.run.redraw());
  }

  select(name) {
    this.panel = name;
    for (const tab of this.tabs) {
      const chosen = tab.dataset.panel === name;
      tab.setAttribute("aria-selected", chosen ? "true" : "false");
      tab.tabIndex = chosen ? 0 : -1;
      $(`panel-${tab.dataset.panel}`).hidden = !chosen;
    }
    if (name === "run") this.run.redraw();
    $(`panel-${name}`).dispatchEvent(new Event("shown"));
  }

  alongTabs(event, tab) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.stopPropagation();
    const next = this.tabs[(this.tabs.indexOf(tab) + step + this.tabs.length) % this.tabs.length];
    this.select(next.dataset.panel);
    next.focus();
  }

  remembered() {
    try {
      return localStorage.getItem("toyvm-theme");
    } catch {
      return null; // a page from a file may have no storage
    }
  }

  theme(name) {
    this.themeName = THEMES.includes(name) ? name : "auto";
    document.documentElement.dataset.theme = this.themeName;
    $("theme").setAttribute("aria-label", `Theme: ${this.themeName}`);
    $("theme").textContent = { auto: "◐", light: "☀", dark: "☾" }[this.themeName];
  }

  nextTheme() {
    this.theme(THEMES[(THEMES.indexOf(this.themeName) + 1) % THEMES.length]);
    try {
      localStorage.setItem("toyvm-theme", this.themeName);
    } catch {
      // not remembered
    }
    this.run.redraw();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input[type=search], input[type=text], select, textarea");
    if (event.key === "Escape" && typing) event.target.blur();
    if (typing || $("help-box").open) return;
    const action = this.common(event) ?? (this.panel === "run" ? this.ofRun(event) : undefined);
    if (!action) return;
    event.preventDefault();
    action();
  }

  common(event) {
    const panel = { 1: "run", 2: "build", 3: "load", 4: "compare" }[event.key];
    if (panel && this.tabs.some((tab) => tab.dataset.panel === panel)) return () => this.select(panel);
    return { "?": () => $("help-box").showModal(), t: () => this.nextTheme() }[event.key];
  }

  ofRun(event) {
    const { run } = this, by = event.shiftKey ? 10 : 1;
    // A button in focus keeps its own Space, so that Space presses it.
    if (event.key === " " && event.target.matches("button, summary")) return undefined;
    return {
      ArrowLeft: () => run.step(-by), ArrowRight: () => run.step(by), Home: () => run.go(0), End: () => run.go(run.moments.length - 1),
      " ": () => run.toggle(), f: () => run.jump("fault", 1), F: () => run.jump("fault", -1), c: () => run.jump("copy", 1), C: () => run.jump("copy", -1),
      s: () => run.jump("call", 1), S: () => run.jump("call", -1), k: () => run.jump("fork", 1), K: () => run.jump("fork", -1),
      "/": () => $("search").focus(), n: () => run.result(1), N: () => run.result(-1), p: () => run.nextProcess(),
    }[event.key];
  }
}

const app = new App();
app.start().catch((error) => {
  $("say").textContent = `The page cannot be shown: ${error.message}`;
  throw error;
});
