// Physical memory: a cell for each frame that the run ever uses, coloured by owner, shaped by use.

const SIZES = [26, 22, 18, 14, 10, 7, 5]; // of a cell in pixels, the largest that fits
const TALLEST = 380;

class FrameMap {
  constructor(canvas, note, legend, moments, owners) {
    Object.assign(this, { canvas, note, legend, owners, chosen: null, touched: new Set() });
    this.all = FrameMap.everUsed(moments);
    this.retheme();
    canvas.addEventListener("pointermove", (event) => this.choose(this.hit(event)));
    canvas.addEventListener("pointerleave", () => this.choose(null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    this.width = canvas.parentElement.clientWidth - 4;
    new ResizeObserver(() => {
      this.width = canvas.parentElement.clientWidth - 4;
      this.draw();
    }).observe(canvas.parentElement);
  }

  /** The frames that are in use at any moment, ascending. */
  static everUsed(moments) {
    const frames = new Set([0]);
    for (const row of moments.rows) {
      const { t = [], tn = [], c = [], w = [] } = row[4];
      for (const frame of tn) frames.add(frame);
      for (const [frame] of c) frames.add(frame);
      for (const frame of w) frames.add(frame);
      for (let i = 0; i < t.length; i += 3) {
        const pte = roughly(t[i + 2]);
        if (pte && !isTable(pte) && !isSwapped(pte)) frames.add(frameOf(pte));
      }
    }
    return Int32Array.from(frames).sort();
  }

  show(machine, moment) {
    this.machine = machine;
    this.frames = machine.frames();
    this.touched = new Set(moment.changes.tn ?? []);
    const t = moment.changes.t ?? [];
    for (let i = 0; i < t.length; i += 3) {
      const pte = roughly(t[i + 2]);
      if (pte && !isTable(pte) && !isSwapped(pte)) this.touched.add(frameOf(pte));
    }
    for (const [frame] of moment.changes.c ?? []) this.touched.add(frame);
    this.draw();
    this.count();
    this.tell();
  }

  /** Take the colours of the theme. */
  retheme() {
    this.ink = { bg: cssColour("--panel"), line: cssColour("--line"), soft: cssColour("--soft"), fg: cssColour("--fg"), mark: cssColour("--mark") };
  }

  layout() {
    const { width } = this, label = 64;
    for (const size of SIZES) {
      this.size = size;
      this.across = Math.max(8, Math.floor((width - label) / size) & ~3);
      if (this.across * size + label > width) this.across = Math.max(4, Math.floor((width - label) / size));
      this.height = Math.ceil(this.all.length / this.across) * size;
      if (this.height <= TALLEST) break;
    }
    this.left = label;
  }

  /** The pen, on a canvas of the right size: a canvas that is set to its own size again costs a layout. */
  clear() {
    const scale = window.devicePixelRatio || 1, { canvas, width } = this;
    const wide = Math.round(width * scale), high = Math.round((this.height + 2) * scale);
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
      canvas.style.height = `${this.height + 2}px`;
      canvas.style.width = `${width}px`;
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, this.height + 2);
    return pen;
  }

  draw() {
    if (!this.frames || this.width <= 0) return;
    this.layout();
    const { size, across } = this, pen = this.clear();
    pen.textBaseline = "middle";
    this.all.forEach((frame, i) => {
      const x = this.left + (i % across) * size, y = Math.floor(i / across) * size + 1;
      if (i % across === 0) this.label(pen, frame, y);
      this.cell(pen, frame, x, y);
    });
    for (const [i, frame] of this.all.entries()) {
      if (!this.touched.has(frame) && frame !== this.chosen) continue;
      pen.strokeStyle = frame === this.chosen ? this.ink.fg : this.ink.mark;
      pen.lineWidth = size > 10 ? 2.5 : 1.5;
      pen.strokeRect(this.left + (i % across) * size + 0.5, Math.floor(i / across) * size + 1.5, size - 2, size - 2);
    }
  }

  label(pen, frame, y) {
    pen.fillStyle = this.ink.soft;
    pen.font = "11px ui-monospace, monospace";
    pen.textAlign = "right";
    if (this.size >= 10 || y % (this.size * 4) === 1) pen.fillText(hex(frame), this.left - 8, y + this.size / 2);
  }

  cell(pen, frame, x, y) {
    const what = this.frames.get(frame), side = this.size - (this.size > 8 ? 2 : 1);
    if (!what) {
      pen.fillStyle = this.ink.line;
      pen.globalAlpha = 0.35;
      pen.fillRect(x, y, side, side);
      pen.globalAlpha = 1;
      return;
    }
    const colour = this.owners.colour(what.owner);
    const hollow = what.use === "table" || what.use === "cache" || what.use === "swap" || what.use === "zero";
    pen.fillStyle = hollow ? this.ink.bg : colour;
    pen.fillRect(x, y, side, side);
    if (hollow) {
      pen.strokeStyle = what.use === "table" ? colour : this.ink.soft;
      pen.setLineDash(what.use === "table" ? [] : [2, 2]);
      pen.lineWidth = what.use === "table" ? Math.min(2.5, side / 5) : 1;
      pen.strokeRect(x + 1, y + 1, side - 2, side - 2);
      pen.setLineDash([]);
    }
    if (what.use === "file" || what.owner === SEVERAL) this.stripes(pen, x, y, side, what.owner === SEVERAL);
    if (this.size >= 14) {
      pen.fillStyle = hollow ? (what.use === "table" ? colour : this.ink.soft) : "#fff";
      pen.font = `bold ${Math.round(this.size * 0.55)}px system-ui, sans-serif`;
      pen.textAlign = "center";
      if (!hollow) {
        pen.strokeStyle = "rgba(0,0,0,.55)";
        pen.lineWidth = 2.5;
        pen.strokeText(USES[what.use][0], x + side / 2, y + side / 2 + 0.5);
      }
      pen.fillText(USES[what.use][0], x + side / 2, y + side / 2 + 0.5);
    }
  }

  /** Light stripes: along for files, slanted too for frames of several processes. */
  stripes(pen, x, y, side, several) {
    pen.save();
    pen.beginPath();
    pen.rect(x, y, side, side);
    pen.clip();
    pen.strokeStyle = "rgba(255,255,255,.28)";
    pen.lineWidth = Math.max(1, side / 10);
    for (let d = several ? -side : side / 6; d < side; d += Math.max(3, side / 3)) {
      pen.beginPath();
      pen.moveTo(x, y + d + (several ? side : 0));
      pen.lineTo(x + side, y + d);
      pen.stroke();
    }
    pen.restore();
  }

  hit(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - this.left) / this.size);
    const row = Math.floor((event.clientY - box.top) / this.size);
    return column < 0 || column >= this.across ? null : this.all[row * this.across + column] ?? null;
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.across, ArrowDown: this.across }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const from = Math.max(0, this.all.indexOf(this.chosen));
    this.choose(this.all[Math.min(this.all.length - 1, Math.max(0, from + step))]);
  }

  choose(frame) {
    if (frame === this.chosen) return;
    this.chosen = frame;
    this.draw();
    this.tell();
  }

  /** What the chosen frame is for, in words. */
  tell() {
    if (!this.frames) return;
    if (this.chosen === null) {
      put(this.note, "Point at a frame, or choose one with the arrow keys.");
      return;
    }
    const what = this.frames.get(this.chosen), page = this.machine.cached.get(this.chosen);
    if (!what) {
      put(this.note, `Frame ${hex(this.chosen)} is free.`);
      return;
    }
    const users = what.users.slice(0, 4).map(({ pid, va }) => `${this.owners.letter(pid)} ${pid} at ${hex(va)}`);
    const more = what.users.length > 4 ? ` and ${count(what.users.length - 4)} more` : "";
    const file = page ? ` ${base(strings[page[0]])}, page ${hex(page[1])}.` : "";
    const refs = plural(this.machine.references(this.chosen, what), "reference");
    put(this.note, el("b", {}, `Frame ${hex(this.chosen)}`), `: ${USES[what.use][1]}${what.use === "table" && what.owner ? ` of process ${what.owner}` : ""}, ${refs}.`,
      file, users.length ? ` Mapped by ${users.join(", ")}${more}.` : "");
  }

  /** The legend: how many frames each owner has for each use. */
  count() {
    const totals = new Map();
    for (const { use, owner } of this.frames.values()) {
      if (use === "zero") continue;
      const key = `${use === "cache" || use === "swap" ? 0 : owner} ${use}`;
      totals.set(key, (totals.get(key) ?? 0) + 1);
    }
    const rows = [...totals].map(([key, number]) => {
      const [owner, use] = [Number(key.split(" ")[0]), key.split(" ")[1]];
      return { owner, use, number };
    }).sort((a, b) => (a.owner <= 0) - (b.owner <= 0) || a.owner - b.owner || (a.use < b.use ? -1 : 1));
    const used = this.frames.size - 1;
    this.canvas.setAttribute("aria-label", `${plural(used, "frame")} in use: ` + rows.map((r) => `${r.number} ${USES[r.use][1]}${r.owner > 0 ? ` of ${r.owner}` : r.owner ? " of several" : ""}`).join(", "));
    put(this.legend, el("span", { class: "total" }, plural(used, "frame") + " in use"), rows.map((r) =>
      el("span", { class: "key" }, r.owner ? this.owners.chip(r.owner) : el("span", { class: "chip kernel" }, "k"),
        el("b", {}, USES[r.use][0]), ` ${r.owner === SEVERAL ? "of several: " : ""}${USES[r.use][1]} `, el("span", { class: "n" }, count(r.number)))));
  }
}
