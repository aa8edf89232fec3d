// The list of moments. Only the rows in sight exist, so a list of 100,000 scrolls like one of ten.

const ROW = 26; // height of a row in pixels, as in page.css

class MomentList {
  constructor(box, moments, owners, go) {
    Object.assign(this, { box, moments, owners, go, at: -1, found: null, numbers: null });
    this.pidOf = new Map();
    for (const row of moments.rows) for (const [tid, pid] of row[4].p ?? []) this.pidOf.set(tid, pid);
    this.room = el("div", { class: "room", role: "presentation" });
    put(box, this.room);
    box.addEventListener("scroll", () => {
      this.scrolled = box.scrollTop;
      this.draw();
    });
    // The height is known before each moment, so that showing one does not wait for the layout of the last.
    new ResizeObserver(() => {
      this.height = box.clientHeight;
      this.draw();
    }).observe(box);
    this.height = box.clientHeight;
    this.scrolled = 0;
    this.resize();
  }

  resize() {
    this.room.style.height = `${this.length * ROW}px`;
  }

  get length() {
    return this.numbers ? this.numbers.length : this.moments.length;
  }

  /** Show the moments `numbers` only; null: all. */
  filter(numbers) {
    this.numbers = numbers;
    this.resize();
    this.show(this.at);
  }

  number(row) {
    return this.numbers ? this.numbers[row] : row;
  }

  rowOf(i) {
    return this.numbers ? this.numbers.findIndex((number) => number >= i) : i;
  }

  /** Mark moment `i`, and scroll to it if it is out of sight. */
  show(i) {
    this.at = i;
    const top = this.rowOf(i) * ROW;
    if (top >= 0 && (top < this.scrolled || top + ROW > this.scrolled + this.height)) {
      this.scrolled = Math.max(0, Math.min(top - this.height / 2, this.length * ROW - this.height));
      this.box.scrollTop = this.scrolled;
    }
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.scrolled / ROW) - 2);
    const last = Math.min(this.length, first + Math.ceil(this.height / ROW) + 4);
    const rows = [];
    for (let row = first; row < last; row++) {
      const i = this.number(row);
      rows.push([`${row} ${i} ${i === this.at}`, () => this.row(row)]);
    }
    keep(this.room, rows);
    this.box.setAttribute("aria-activedescendant", `moment-${this.at}`);
  }

  row(row) {
    const i = this.number(row), tid = this.moments.rows[i][2], pid = this.pidOf.get(tid);
    return el("div", {
      class: "moment" + (i === this.at ? " now" : ""), id: `moment-${i}`, role: "option",
      "aria-selected": i === this.at ? "true" : "false", "aria-posinset": row + 1, "aria-setsize": this.length,
      style: { top: `${row * ROW}px` }, onclick: () => this.go(i),
    },
    el("span", { class: "num" }, i), el("span", { class: `dot g-${this.moments.group(i)}`, title: GROUPS[this.moments.group(i)] }),
    pid ? this.owners.chip(pid) : el("span", { class: "chip kernel" }, "k"), el("span", { class: "text" }, this.moments.text(i)));
  }
}
