// The strip over the slider: a lane for each process, a stroke for each moment, the place of the slider.

const LANE = 22; // height of a lane in pixels
const MOST_LANES = 8;

class Strip {
  constructor(canvas, moments, owners, go) {
    Object.assign(this, { canvas, moments, owners });
    this.lanes = Math.max(1, Math.min(MOST_LANES, owners.pids.length));
    this.pidOf = new Map(); // of threads
    for (const row of moments.rows) for (const [tid, pid] of row[4].p ?? []) this.pidOf.set(tid, pid);
    canvas.style.height = `${this.lanes * LANE + 4}px`;
    const seek = (event) => {
      const box = canvas.getBoundingClientRect();
      go(Math.round(((event.clientX - box.left) / box.width) * (moments.length - 1)));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    canvas.addEventListener("pointermove", (event) => event.buttons && seek(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** Draw everything anew: after a change of size or theme. */
  draw() {
    const { canvas } = this;
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
    this.ground = document.createElement("canvas");
    this.ground.width = canvas.width;
    this.ground.height = canvas.height;
    const pen = this.ground.getContext("2d");
    this.ink = cssColour("--fg");
    this.drawHart(pen, scale);
    this.drawMoments(pen, scale);
    this.show(this.at ?? 0);
  }

  x(i) {
    return this.moments.length < 2 ? 0 : (i / (this.moments.length - 1)) * (this.canvas.width - 2) + 1;
  }

  lane(tid) {
    return Math.min(this.lanes - 1, this.owners.rank(this.pidOf.get(tid) ?? this.owners.pids[0]));
  }

  /** A band in the lane of the process that has the hart. */
  drawHart(pen, scale) {
    let since = 0, tid = 0;
    const band = (to) => {
      if (!tid) return;
      pen.globalAlpha = 0.28;
      pen.fillStyle = this.owners.colour(this.pidOf.get(tid));
      pen.fillRect(this.x(since), (this.lane(tid) * LANE + 2) * scale, Math.max(1, this.x(to) - this.x(since)), (LANE - 2) * scale);
    };
    for (let i = 0; i < this.moments.length; i++) {
      if (this.moments.kind(i) !== "switch") continue;
      band(i);
      [since, tid] = [i, this.moments.rows[i][2]];
    }
    band(this.moments.length - 1);
    pen.globalAlpha = 1;
  }

  /** A stroke for each moment; of several in one column of pixels the first of the most telling group. */
  drawMoments(pen, scale) {
    const heights = { copy: 1, fault: 0.72, process: 1, call: 0.5, loader: 0.4, other: 0.22 };
    for (const group of ["other", "loader", "call", "fault", "process", "copy"]) {
      pen.fillStyle = cssColour(`--g-${group}`);
      const taken = new Set();
      for (let i = 0; i < this.moments.length; i++) {
        if (this.moments.group(i) !== group) continue;
        const tid = this.moments.rows[i][2];
        const x = Math.round(this.x(i)), lane = this.lane(tid);
        if (!tid || taken.has(x * 64 + lane)) continue;
        taken.add(x * 64 + lane);
        const height = (LANE - 4) * heights[group];
        pen.fillRect(x - scale, (lane * LANE + LANE - height) * scale, 2 * scale, height * scale);
      }
    }
  }

  /** Draw the place of moment `i`. */
  show(i) {
    this.ink ??= cssColour("--fg");
    this.at = i;
    if (!this.ground) return;
    const pen = this.canvas.getContext("2d"), scale = window.devicePixelRatio || 1;
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.ground, 0, 0);
    pen.fillStyle = this.ink;
    pen.fillRect(Math.round(this.x(i)) - scale, 0, 2 * scale, this.canvas.height);
  }
}
