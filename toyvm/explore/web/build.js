// The panel of the build: sources line by line, what became of a line, sizes, and why what came in.

const LINE = 21; // height of a line of source in pixels, as in page.css

function showBuild(panel, data) {
  const detail = el("div", { class: "detail", role: "status", "aria-live": "polite" });
  const sources = data.sources.map((source, n) => sourceView(source, n, detail));
  put(panel, el("div", { class: "columns" },
    el("div", { class: "column" },
      el("section", { class: "card c-source" }, el("h2", {}, "Source: line, address, bytes, text"),
        data.sources.length > 1 ? sourcePicker(data.sources, sources) : null, sources),
      el("section", { class: "card c-sizes" }, el("h2", {}, "Sizes in the image"), treemap(data.sizes, data.sections))),
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

// Colours by kind, as in the legend; the sizes come from `toyvm.explain` (size_tree).
const KINDS = { code: "#0072b2", rodata: "#009e73", data: "#d55e00", bss: "#cc79a7", linker: "#8a6d3b", padding: "#9aa3b0" };

/** A treemap: archives, objects in them, their sections, functions (squarified: Bruls, Huizing and van Wijk, 2000). */
function treemap(root, sections) {
  const width = 720, height = 400;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "treemap", "aria-label": "Sizes: " + root[3].map(([name, size]) => `${name} ${size} bytes`).join(", ") });
  drawArea(picture, root, 0, 0, width, height, []);
  const rows = sections.map(([name, address, size, bits]) => el("tr", {}, el("td", {}, el("code", {}, name)), el("td", {}, el("code", {}, hex(address))), el("td", { class: "n" }, count(size)), el("td", {}, bits ? "" : "no bytes in the file")));
  return [el("p", { class: "legend" }, Object.entries(KINDS).map(([name, colour]) => el("span", { class: "key" }, el("i", { class: "swatch", style: { background: colour } }), name))), picture,
    el("details", { class: "arithmetic" }, el("summary", {}, "The sections as a table"), el("div", { class: "wide" }, el("table", {}, el("tr", {}, ["section", "address", "bytes", ""].map((name) => el("th", {}, name))), rows)))];
}

/** Draw an area, and the parts of it where there is room. */
function drawArea(picture, [name, size, kind, parts], x, y, w, h, path) {
  const head = path.length && parts.length && h > 24 && w > 36 ? 13 : 0, inner = h - head - 1;
  const open = parts.length && (!path.length || (w > 14 && inner > 10));
  const fits = w > name.length * 6 + 6;
  const title = svg("title", {}, `${[...path, name].join(" › ")}: ${plural(size, "byte")}`);
  if (!open) {
    const leaf = kind || parts[0]?.[2] || "padding";
    picture.append(svg("g", {}, svg("rect", { x, y, width: Math.max(0, w - 1), height: Math.max(0, h - 1), fill: KINDS[leaf] ?? "#6b7280", rx: 1.5 }),
      fits && h > 13 ? svg("text", { x: x + 3, y: y + 11, class: "on" }, name) : null, w > 50 && h > 26 && fits ? svg("text", { x: x + 3, y: y + 23, class: "on" }, bytes(size)) : null, title));
    return;
  }
  if (head) picture.append(svg("g", {}, svg("rect", { x, y, width: Math.max(0, w - 1), height: Math.max(0, h - 1), class: "frame-of" }), svg("text", { x: x + 3, y: y + 10 }, fits ? name : name.slice(0, Math.max(1, Math.floor(w / 6.5)))), title));
  for (const { part, ...box } of squarify(parts.map((part) => ({ size: part[1], part })), x + (head ? 1 : 0), y + head, w - (head ? 2 : 0), inner + (head ? 0 : 1))) {
    drawArea(picture, part, box.x, box.y, box.w, box.h, path.length || !head ? [...path, name] : [name]);
  }
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
    rows.length ? table(["", "what", "why"], rows.map(({ what, name, why, chain = [], uses = [] }) => el("tr", {}, el("td", {}, el("span", { class: "tag" }, what)), el("td", {}, el("code", {}, name)),
      el("td", {}, chain.length ? el("details", { class: "chain" }, el("summary", {}, why), el("ol", { class: "trail" }, chain.map(([file, symbol, pulled]) => el("li", {}, `${file} refers to `, el("code", {}, symbol), `, so ${pulled} is taken`))),
        uses.length ? el("p", { class: "hint" }, `Others use ${uses.join(", ")} of it.`) : null) : why)))) : el("p", { class: "empty" }, "All inputs were named; none had to be found."),
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
