// The panel of the comparison: the program linked statically and dynamically, side by side.

function showCompare(panel, data) {
  put(panel, el("div", { class: "columns" },
    el("div", { class: "column" },
      el("section", { class: "card" }, el("h2", {}, "What the measurements say"), claims(data.claims)),
      el("section", { class: "card" }, el("h2", {}, "Frames of N programs at once"), chart(data, "total", "all frames, each program its own file"), chart(data, "text", "frames of code"))),
    el("div", { class: "column" },
      el("section", { class: "card" }, el("h2", {}, "Side by side"), sideBySide(data)),
      el("section", { class: "card" }, el("h2", {}, "What is shared"), shared(data)))));
}

function claims(rows) {
  return el("ul", { class: "claims" }, rows.map(({ text, holds, figures }) =>
    el("li", {}, el("b", { class: holds ? "yes" : "no" }, holds ? "✓ yes" : "✗ no"), " ", el("b", {}, text + "."), el("div", { class: "hint" }, figures))));
}

function sideBySide(data) {
  const sum = (numbers) => Object.values(numbers).reduce((a, b) => a + b, 0);
  const rows = [
    ["file", (b) => b.file_size, "bytes"], ["libraries on disk", (b) => sum(b.libraries), "bytes"], ["relocations at load", (b) => sum(b.load_relocations)],
    ["bound at the first call", (b) => sum(b.lazy_relocations)], ["symbol look-ups", (b) => b.symbol_lookups], ["instructions before main", (b) => b.instructions_to_main ?? 0],
    ["instructions", (b) => b.instructions], ["page faults", (b) => sum(b.faults)],
  ];
  return el("div", { class: "sides" }, rows.map(([name, value, unit]) => {
    const both = [value(data.static), value(data.dynamic)], most = Math.max(...both, 1);
    return [el("div", { class: "measure" }, name, unit ? ` (${unit})` : ""), both.map((number, i) =>
      el("div", { class: "side" }, el("span", { class: "side-name" }, i ? "dynamic" : "static"), el("span", { class: "meter" }, el("i", { class: `b${i}`, style: { width: `${(100 * number) / most}%` } })), el("span", { class: "n" }, count(number))))];
  }));
}

/** A line for each build over the number of programs: a circle and a full line, a square and a dashed line. */
function chart(data, field, title) {
  const width = 420, height = 210, left = 46, bottom = 28, top = 22;
  const series = [data.static, data.dynamic].map((build) => build.instances.filter((row) => row.separate).map((row) => [row.instances, row[field]]));
  if (series[0].length < 2) return el("p", { class: "empty" }, "One number of programs only.");
  const mostX = Math.max(...series.flat().map(([x]) => x)), mostY = Math.max(...series.flat().map(([, y]) => y), 1);
  const X = (x) => left + (x / mostX) * (width - left - 70), Y = (y) => height - bottom - (y / mostY) * (height - bottom - top);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "chart", "aria-label": `${title}: ` + series.map((points, i) => `${i ? "dynamic" : "static"} ${points.map(([x, y]) => `${y} for ${x}`).join(", ")}`).join("; ") });
  picture.append(svg("text", { x: left, y: 12 }, title));
  for (const part of [0, 0.5, 1]) picture.append(svg("line", { x1: left, x2: width - 66, y1: Y(mostY * part), y2: Y(mostY * part), class: "grid-line" }), svg("text", { x: left - 6, y: Y(mostY * part) + 4, "text-anchor": "end" }, count(Math.round(mostY * part))));
  for (const [x] of series[0]) picture.append(svg("text", { x: X(x), y: height - 10, "text-anchor": "middle" }, x));
  series.forEach((points, i) => {
    picture.append(svg("polyline", { points: points.map(([x, y]) => `${X(x)},${Y(y)}`).join(" "), class: `l${i}` }));
    for (const [x, y] of points) picture.append(i ? svg("rect", { x: X(x) - 3.5, y: Y(y) - 3.5, width: 7, height: 7, class: "m1" }) : svg("circle", { cx: X(x), cy: Y(y), r: 4, class: "m0" }));
    const [x, y] = points[points.length - 1];
    picture.append(svg("text", { x: X(x) + 8, y: Y(y) + 4 }, i ? "dynamic" : "static"));
  });
  return picture;
}

function shared(data) {
  const rows = [data.static, data.dynamic].flatMap((build) => build.instances.map((row) =>
    el("tr", {}, el("td", {}, build.linkage), el("td", {}, row.separate ? "own files" : "one file"), el("td", { class: "n" }, row.instances), el("td", { class: "n" }, count(row.total)), el("td", { class: "n" }, count(row.shared)), el("td", { class: "n" }, count(row.private)), el("td", { class: "n" }, count(row.text)), el("td", { class: "n" }, bytes(row.pss.reduce((a, b) => a + b, 0) / row.pss.length)))));
  return [el("div", { class: "wide" }, el("table", {}, el("tr", {}, ["linked", "programs", "N", "frames", "shared", "private", "code", "mean PSS"].map((name) => el("th", {}, name))), rows)),
    data.dynamic.update ? el("p", { class: "hint" }, `After ${data.dynamic.update.library} was replaced, without relinking: static ${data.static.update?.takes_new ? "takes the new" : "keeps the old"}, dynamic ${data.dynamic.update.takes_new ? "takes the new" : "keeps the old"}.`) : null];
}
