// The colours of processes, and how frames look. The colours are Okabe and Ito's (2008), which colour-blind
// readers can tell apart; a process also has a letter, and a use has a letter and a shape of its own.

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b"];
const USES = {
  anonymous: ["a", "anonymous memory"], file: ["f", "file or shared memory"], table: ["T", "page table"],
  cache: ["c", "page cache, not mapped"], swap: ["s", "swap cache, not mapped"], zero: ["0", "the shared zero page"],
  free: ["", "free"],
};

/** Colours and letters by process, in the order in which the run creates them. */
class Owners {
  constructor(moments) {
    this.ranks = new Map();
    this.retheme();
    for (const row of moments.rows) for (const [, pid] of row[4].p ?? []) if (!this.ranks.has(pid)) this.ranks.set(pid, this.ranks.size);
  }

  /** Take the colours of the theme: to ask for them costs a layout. */
  retheme() {
    [this.several, this.none] = [cssColour("--several"), cssColour("--soft")];
  }

  get pids() {
    return [...this.ranks.keys()];
  }

  rank(pid) {
    return this.ranks.get(pid) ?? 0;
  }

  colour(pid) {
    return pid === SEVERAL ? this.several : pid ? COLOURS[this.rank(pid) % COLOURS.length] : this.none;
  }

  letter(pid) {
    const rank = this.rank(pid);
    return pid === SEVERAL ? "+" : String.fromCharCode(65 + (rank % 26)) + (rank < 26 ? "" : Math.floor(rank / 26));
  }

  /** A chip with the letter of a process. */
  chip(pid) {
    return el("span", { class: "chip", style: { "--c": this.colour(pid) } }, this.letter(pid));
  }
}
