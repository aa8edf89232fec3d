// The machine at a moment, rebuilt from the changes that the recording holds (docs/design/explore.md).

/** The state that the changes change. Copies share what neither has changed since. */
class Machine {
  constructor(from = null) {
    const copy = (map) => new Map(map);
    this.threads = copy(from?.threads);
    this.registers = copy(from?.registers); // arrays: replaced, never changed
    this.spaces = copy(from?.spaces);
    this.areas = copy(from?.areas);
    this.tables = copy(from?.tables);
    this.cached = copy(from?.cached);
    this.swapCached = new Set(from?.swapCached);
    this.merged = new Set(from?.merged);
    this.own = new Set(); // the tables and areas that no other copy shares
    this.replaced = new Map(); // "frame:index" -> the entry before the last changes
  }

  apply(changes) {
    this.replaced.clear();
    this.known = null;
    this.applyThreads(changes);
    this.applySpaces(changes);
    this.applyTables(changes);
    for (const frame of changes.cd ?? []) this.cached.delete(frame);
    for (const [frame, file, page] of changes.c ?? []) this.cached.set(frame, [file, page]);
    for (const frame of changes.wd ?? []) this.swapCached.delete(frame);
    for (const frame of changes.w ?? []) this.swapCached.add(frame);
    for (const frame of changes.md ?? []) this.merged.delete(frame);
    for (const frame of changes.m ?? []) this.merged.add(frame);
  }

  applyThreads({ pd = [], p = [], x = [] }) {
    for (const tid of pd) {
      this.threads.delete(tid);
      this.registers.delete(tid);
    }
    for (const [tid, pid, comm, doing, place] of p) {
      this.threads.set(tid, { tid, pid, comm, doing, place });
      if (!this.registers.has(tid)) this.registers.set(tid, new Array(34).fill(0));
    }
    for (const [tid, words] of x) {
      const mine = this.registers.get(tid).slice();
      for (let i = 0; i < words.length; i += 2) mine[words[i]] = words[i + 1];
      this.registers.set(tid, mine);
    }
  }

  applySpaces({ sd = [], s = [], ad = [], a = [] }) {
    for (const number of sd) {
      this.spaces.delete(number);
      this.areas.delete(number);
    }
    for (const [number, root, tids] of s) this.spaces.set(number, { number, root, tids });
    for (const [number, start] of ad) this.mine(this.areas, number, "a").delete(start);
    for (const [number, start, end, permissions, offset, name] of a) {
      this.mine(this.areas, number, "a").set(start, { start, end, permissions, offset, name });
    }
  }

  applyTables({ td = [], tn = [], t = [] }) {
    for (const frame of td) this.tables.delete(frame);
    for (const frame of tn) {
      this.tables.set(frame, new Map());
      this.own.add("t" + frame);
    }
    for (let i = 0; i < t.length; i += 3) {
      const [frame, index, entry] = [t[i], t[i + 1], roughly(t[i + 2])];
      const table = this.mine(this.tables, frame, "t");
      this.replaced.set(`${frame}:${index}`, table.get(index) ?? 0);
      if (entry) table.set(index, entry);
      else table.delete(index);
    }
  }

  /** The map under `key`, which nobody else sees: copied first if it was shared. */
  mine(maps, key, letter) {
    if (!this.own.has(letter + key)) {
      this.own.add(letter + key);
      maps.set(key, new Map(maps.get(key)));
    }
    return maps.get(key);
  }

  /** The address space of a thread; undefined after its end. */
  spaceOf(tid) {
    for (const space of this.spaces.values()) if (space.tids.includes(tid)) return space;
    return undefined;
  }

  /** The areas of a space in order of address. */
  areasOf(space) {
    return [...(this.areas.get(space.number)?.values() ?? [])].sort((a, b) => a.start - b.start);
  }

  /** The entries of a space in order of address: {level, index, va, pte, table}. A table's entries follow it. */
  *entries(table, level = 2, base = 0) {
    const rows = [...(this.tables.get(table) ?? [])].sort((a, b) => a[0] - b[0]);
    for (const [index, pte] of rows) {
      const va = base + index * PAGE * 512 ** level;
      yield { level, index, va, pte, table };
      if (isTable(pte) && level > 0) yield* this.entries(frameOf(pte), level - 1, va);
    }
  }

  /** The leaf for an address: {table, index, pte, before, level}, as the hardware walks; null without one. */
  walk(space, va) {
    let table = space.root;
    for (let level = 2; level >= 0; level--) {
      const index = Math.floor(va / (PAGE * 512 ** level)) % 512;
      const pte = this.tables.get(table)?.get(index) ?? 0;
      if (!isTable(pte) || level === 0) {
        return { table, index, pte, level, before: this.replaced.get(`${table}:${index}`) ?? pte };
      }
      table = frameOf(pte);
    }
    return null;
  }

  /** frame -> {use, owner, users}: what each frame in use is for. An owner is a pid, SEVERAL or 0; users are {pid, va}. */
  frames() {
    return (this.known ??= this.findFrames());
  }

  findFrames() {
    const found = new Map([[0, { use: "zero", owner: 0, users: [] }]]);
    const at = (frame, use) => {
      if (!found.has(frame)) found.set(frame, { use, owner: 0, users: [] });
      return found.get(frame);
    };
    for (const frame of this.tables.keys()) at(frame, "table");
    for (const space of this.spaces.values()) {
      const pid = this.threads.get(space.tids[0])?.pid ?? 0;
      at(space.root, "table").owner = pid;
      for (const { level, va, pte } of this.entries(space.root)) {
        if (isSwapped(pte)) continue;
        if (isTable(pte)) at(frameOf(pte), "table").owner = pid;
        else this.mapLeaf(at, pte, level, va, pid);
      }
    }
    for (const frame of this.cached.keys()) at(frame, "cache");
    for (const frame of this.swapCached) at(frame, "swap");
    return found;
  }

  mapLeaf(at, pte, level, va, pid) {
    const pages = level === 1 ? 512 : 1;
    for (let page = 0; page < pages; page++) {
      const frame = frameOf(pte) + page;
      const what = at(frame, this.cached.has(frame) ? "file" : "anonymous");
      what.owner = what.users.length && what.owner !== pid ? SEVERAL : pid;
      what.users.push({ pid, va: va + page * PAGE });
    }
  }

  /** How often a frame is referred to: by tables, mappings, caches. */
  references(frame, what) {
    return what.users.length + (this.tables.has(frame) ? 1 : 0) + (this.cached.has(frame) ? 1 : 0)
      + (this.swapCached.has(frame) ? 1 : 0) + (this.merged.has(frame) ? 1 : 0) + (frame === 0 ? 1 : 0);
  }
}

const SEVERAL = -1;
const KEYFRAME = 256; // moments between two copies that are kept

/** The machine at any moment. Copies are kept every so often, so that going back is quick. */
class Timeline {
  constructor(rows) {
    this.rows = rows;
    this.keyframes = [new Machine()]; // keyframes[i]: before moment i * KEYFRAME
    this.machine = new Machine();
    this.next = 0; // the first moment that `machine` does not include
  }

  /** The machine after moment `k`. It changes with the next call. */
  at(k) {
    if (k < this.next - 1 || k - this.next >= KEYFRAME) this.rewind(k);
    while (this.next <= k) {
      if (this.next % KEYFRAME === 0 && this.keyframes.length === this.next / KEYFRAME) {
        this.keyframes.push(this.machine);
        this.machine = new Machine(this.machine);
      }
      this.machine.apply(this.rows[this.next++][4]);
    }
    return this.machine;
  }

  rewind(k) {
    const key = Math.min(this.keyframes.length - 1, Math.floor(k / KEYFRAME));
    if (k >= this.next && key * KEYFRAME <= this.next) return; // forwards is nearer
    this.machine = new Machine(this.keyframes[key]);
    this.next = key * KEYFRAME;
  }
}
