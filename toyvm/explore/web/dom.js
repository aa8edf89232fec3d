// Elements. Strings become text nodes, never markup: what the guest wrote cannot do anything here.

const SVG = "http://www.w3.org/2000/svg";

/** An element. Properties named on... are listeners, "class" and others attributes; null children are left out. */
function el(name, properties = {}, ...children) {
  return fill(document.createElement(name), properties, children);
}

/** An SVG element, as `el`. */
function svg(name, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

function fill(node, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "style") Object.entries(value).forEach(([k, v]) => node.style.setProperty(k, v));
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/** Replace the children of `node`. */
function put(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}

/**
 * Show `rows`, each [key, make], as the children of `box`. A key says everything that a row shows: a row whose
 * key was there before keeps its element, so that a moment costs what it changes and not what it shows.
 */
function keep(box, rows) {
  const before = box.kept ?? new Map(), now = new Map();
  let place = before.size ? box.firstChild : (box.replaceChildren(), null);
  for (const [key, make] of rows) {
    const node = before.get(key) ?? make();
    before.delete(key);
    now.set(key, node);
    if (node === place) place = place.nextSibling;
    else box.insertBefore(node, place);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
  box.kept = now;
}

/** Show one node in place of rows. */
function keepOne(box, node) {
  box.kept = null;
  box.replaceChildren(node);
}

const $ = (id) => document.getElementById(id);

/** The value of a CSS variable, for canvases, which know no style sheets. */
const cssColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
