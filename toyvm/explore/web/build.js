// The panel of the build: sources line by line, what became of a line, sizes, and why what came in.

const LINE = 21; // height of a line of source in pixels, as in page.css

function showBuild(panel, data) {
  const detail = el("div", { class: "detail", role: "status", "aria-live": "polite" });
  const sources = data.sources.map((source, n) => sourceView(source, n, detail));
  put(panel, el("div", { class: "columns" },
    el("div", { class: "column" },
      el("section", { class: "card c-source" }, el("h2", {}, "Source: line, address, bytes, text"),
        data.sources.length > 1 ? sourcePicker(data.sources, sources) : null, sources),
      el("section", { class: "card c-sizes" }, el("h2", {}, "Sizes in the image"), treemap(data.sizes))),
    el("div", { class: "column" },
      el("section", { class: "card c-detail" }, el("h2", {}, "The line"), detail),
      el("section", { class: "card c-members" }, el("h2", {}, "What the linker took, and why"), decisions(data)),
      el("section", { class: "card c-symbols" }, el("h2", {}, "Global symbols"), symbols(data.symbols)))));
  sources.forEach((view, n) => (view.hidden = n > 0));
  put(detail, el("p", { class: "empty" }, "Choose a line of the source."));
  const first = sources[0]?.querySelector(".line.relocated") ?? sources[0]?.querySelector(".line.has");
  first?.click();
  // A hidden list cannot scroll: the chosen line comes into sight when the panel does.
  panel.addEventListener("shown", () => {
    if (first) first.parentElement.scrollTop = first.offsetTop - first.parentElement.clientHeight / 3;
  }, { once: true });
}

function sourcePicker(sources, views) {
  return el("select", { "aria-label": "Source", onchange: (event) => views.forEach((view, n) => (view.hidden = n !== Number(event.target.value))) },
    sources.map((source, n) => el("option", { value: n }, source.name)));
}

function sourceView(source, n, detail) {
  const box = el("div", { class: "source", role: "listbox", tabindex: 0, "aria-label": source.name, id: `source-${n}` });
  const lines = source.lines.map(([text, pieces = []], i) => {
    const first = pieces[0], bytes = first ? first.bytes.slice(0, 12) : "";
    const relocated = pieces.some((piece) => piece.relocations.length);
    return el("div", {
      class: "line" + (first ? " has" : "") + (relocated ? " relocated" : ""), role: "option", id: `line-${n}-${i + 1}`, "aria-selected": "false",
      onclick: () => choose(i),
    },
    el("span", { class: "num" }, i + 1), el("code", { class: "at" }, first?.address !== undefined ? hex(first.address).slice(2) : ""),
    el("code", { class: "code" }, bytes, first && first.size > 6 ? "…" : ""), el("code", { class: "text" }, text || " "));
  });
  let at = -1;
  const choose = (i) => {
    if (at >= 0) lines[at].setAttribute("aria-selected", "false");
    at = i;
    lines[i].setAttribute("aria-selected", "true");
    box.setAttribute("aria-activedescendant", lines[i].id);
    if (!box.hidden && box.clientHeight) {
      const top = i * LINE;
      if (top < box.scrollTop || top + LINE > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 2;
    }
    showLine(detail, source, i);
  };
  box.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20 }[event.key];
    if (!step) return;
    event.preventDefault();
    choose(Math.max(0, Math.min(lines.length - 1, at + step)));
  });
  box.append(...lines);
  if (source.left_out) box.append(el("p", { class: "hint" }, `${plural(source.left_out, "more line")} not shown`));
  return box;
}

/** What became of one line: its bytes, its relocations, its place. */
function showLine(detail, source, i) {
  const [text, pieces = []] = source.lines[i];
  put(detail, el("p", { class: "quoted" }, el("b", {}, `${source.name}:${i + 1}`), el("code", {}, text.trim() || " ")),
    pieces.length ? pieces.map(pieceView) : el("p", { class: "empty" }, "This line puts no bytes into the object."));
}

function pieceView(piece) {
  return el("div", { class: "piece" },
    el("ol", { class: "steps" },
      el("li", {}, el("span", { class: "step" }, "in the object"), el("code", {}, `${piece.section}+${hex(piece.offset)}`), el("br"), byteView(piece.bytes, piece.final, piece.size)),
      piece.relocations.length ? el("li", {}, el("span", { class: "step" }, "relocations"), piece.relocations.map((r) => el("div", {}, el("code", {}, r.name), ` ${r.symbol}`, el("i", { class: "fate" }, ` ${r.fate}`)))) : null,
      piece.address !== undefined
        ? el("li", {}, el("span", { class: "step" }, "in the image"), el("code", {}, hex(piece.address)), ` in ${piece.output}`, piece.file !== undefined ? [", ", el("code", {}, hex(piece.file)), " in the file"] : ", no bytes in the file", el("br"), piece.final ? byteView(piece.final, piece.bytes, piece.size) : null)
        : el("li", {}, el("span", { class: "step" }, "in the image"), "its section is merged, shortened or left out: see the relocations")),
    piece.relocations.map((r) => el("details", { class: "arithmetic", open: r.fate === "applied" }, el("summary", {}, el("code", {}, r.name), ` ${r.symbol}`), el("pre", { tabindex: 0 }, r.text))));
}

/** Bytes as two digits each; those that differ from `other` are marked. */
function byteView(bytes, other, size) {
  if (!bytes) return el("span", { class: "hint" }, `${bytes_(size)} of zeros`);
  const pairs = bytes.match(/../g), others = (other ?? bytes).match(/../g) ?? [];
  return el("span", { class: "bytes" }, pairs.map((pair, i) => el("code", { class: other && others[i] !== pair ? "changed" : null }, pair)),
    size > pairs.length ? ` … ${bytes_(size)}` : "");
}

const bytes_ = (size) => plural(size, "byte");

/** A treemap of sections and of the objects in them (squarified: Bruls, Huizing and van Wijk, 2000). */
function treemap(sections) {
  const width = 720, height = 380, picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "treemap", "aria-label": "Sizes: " + sections.map((s) => `${s.name} ${s.size} bytes`).join(", ") });
  const owners = [...new Set(sections.flatMap((section) => section.parts.map(([name]) => name)))];
  const boxes = squarify(sections.map((section) => ({ size: section.size, section })), 0, 0, width, height);
  for (const { x, y, w, h, section } of boxes) {
    const head = h > 26 && w > 40 ? 15 : 0;
    for (const part of squarify(section.parts.map(([name, size]) => ({ size, name })), x + 1, y + head, w - 2, h - head - 1)) {
      const rank = owners.indexOf(part.name);
      picture.append(svg("g", {},
        svg("rect", { x: part.x, y: part.y, width: Math.max(0, part.w - 1), height: Math.max(0, part.h - 1), fill: COLOURS[rank % COLOURS.length], "fill-opacity": section.bits ? 0.85 : 0.35, rx: 2 }),
        part.w > part.name.length * 6.2 + 6 && part.h > 14 ? svg("text", { x: part.x + 4, y: part.y + 12, class: "on" }, part.name) : null,
        part.w > 56 && part.h > 28 ? svg("text", { x: part.x + 4, y: part.y + 25, class: "on" }, bytes(part.size)) : null,
        svg("title", {}, `${section.name}: ${part.name}, ${plural(part.size, "byte")}`)));
    }
    if (head) picture.append(svg("text", { x: x + 3, y: y + 11 }, w > 105 ? `${section.name} ${bytes(section.size)}` : section.name.slice(0, Math.floor(w / 7))));
  }
  const rows = sections.map((section) => el("tr", {}, el("td", {}, el("code", {}, section.name)), el("td", {}, el("code", {}, hex(section.address))), el("td", { class: "n" }, count(section.size)), el("td", {}, section.parts.map(([name, size]) => `${name} ${count(size)}`).join(", "))));
  return [picture, el("details", {}, el("summary", {}, "as a table"), el("div", { class: "wide" }, el("table", {}, el("tr", {}, ["section", "address", "bytes", "from"].map((name) => el("th", {}, name))), rows)))];
}

function squarify(items, x, y, w, h) {
  const out = [];
  let rest = items.filter((item) => item.size > 0).sort((a, b) => b.size - a.size);
  let total = rest.reduce((sum, item) => sum + item.size, 0);
  while (rest.length && w > 0.5 && h > 0.5) {
    const side = Math.min(w, h), scale = (w * h) / total;
    let row = [], sum = 0, worst = Infinity;
    for (const item of rest) {
      const next = sum + item.size, thick = (next * scale) / side;
      const ratios = [...row, item].map(({ size }) => { const long = (size * scale) / thick; return Math.max(long / thick, thick / long); });
      if (row.length && Math.max(...ratios) > worst) break;
      worst = Math.max(...ratios);
      row.push(item);
      sum = next;
    }
    const thick = (sum * scale) / side;
    let along = 0;
    for (const item of row) {
      const long = (item.size * scale) / thick;
      out.push(w >= h ? { ...item, x, y: y + along, w: thick, h: long } : { ...item, x: x + along, y, w: long, h: thick });
      along += long;
    }
    if (w >= h) [x, w] = [x + thick, w - thick];
    else [y, h] = [y + thick, h - thick];
    rest = rest.slice(row.length);
    total -= sum;
  }
  return out;
}

function decisions({ decisions: rows, relaxed }) {
  const table = (head, lines) => el("div", { class: "wide" }, el("table", {}, el("tr", {}, head.map((name) => el("th", {}, name))), lines));
  return [
    rows.length ? table(["", "what", "why"], rows.map(([what, name, why]) => el("tr", {}, el("td", {}, el("span", { class: "tag" }, what)), el("td", {}, el("code", {}, name)), el("td", {}, why)))) : el("p", { class: "empty" }, "All inputs were named; none had to be found."),
    relaxed.length ? table(["form of code", "times", "bytes saved"], relaxed.map((row) => el("tr", {}, row.map((cell) => el("td", {}, typeof cell === "number" ? count(cell) : cell))))) : null,
  ];
}

function symbols(rows) {
  const body = el("tbody"), box = el("input", { type: "search", placeholder: "Filter", "aria-label": "Filter the symbols" });
  const show = () => {
    const wanted = box.value.toLowerCase();
    put(body, rows.filter(([name, , where]) => `${name} ${where}`.toLowerCase().includes(wanted)).slice(0, 300).map(([name, address, where]) =>
      el("tr", {}, el("td", {}, el("code", {}, name)), el("td", {}, el("code", {}, hex(address))), el("td", {}, where))));
  };
  box.addEventListener("input", show);
  show();
  return [box, el("div", { class: "wide tall" }, el("table", {}, el("thead", {}, el("tr", {}, ["symbol", "address", "defined in"].map((name) => el("th", {}, name)))), body))];
}
