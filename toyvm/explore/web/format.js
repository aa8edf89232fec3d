// Numbers, entries of page tables and sizes as text.
// A number from 2**53 on comes as hexadecimal text, because JavaScript would lose its last digits.

const PAGE = 4096;

const hex = (value) => (typeof value === "string" ? value : value < 0 ? "-0x" + (-value).toString(16) : "0x" + value.toString(16));
const count = (value) => value.toLocaleString("en-US");
const plural = (number, word, words = word + "s") => `${count(number)} ${number === 1 ? word : words}`;

/** A number for arithmetic that needs no last digits. */
const roughly = (value) => (typeof value === "string" ? Number(value) : value);

function bytes(size) {
  if (size < 1024) return `${size} B`;
  return size < 1 << 20 ? `${+(size / 1024).toFixed(1)} KiB` : `${+(size / (1 << 20)).toFixed(1)} MiB`;
}

function duration(nanoseconds) {
  if (nanoseconds < 1e4) return `${count(nanoseconds)} ns`;
  if (nanoseconds < 1e6) return `${(nanoseconds / 1e3).toFixed(2)} µs`;
  return nanoseconds < 1e9 ? `${(nanoseconds / 1e6).toFixed(3)} ms` : `${(nanoseconds / 1e9).toFixed(6)} s`;
}

// The bits of an Sv39 entry, the highest first, as toyvm/machine/sv39.py has them.
const FLAGS = [["D", 128, "dirty"], ["A", 64, "accessed"], ["G", 32, "global"], ["U", 16, "user may access"],
  ["X", 8, "execute"], ["W", 4, "write"], ["R", 2, "read"], ["V", 1, "valid"]];
const V = 1, LEAF = 14, SWAPPED = 32, COW = 256, SHARED = 512;

const frameOf = (pte) => Math.floor(pte / 1024);
const isTable = (pte) => (pte & V) !== 0 && (pte & LEAF) === 0;
const isSwapped = (pte) => (pte & V) === 0 && (pte & SWAPPED) !== 0;

/** `DA-U-WRV` */
const letters = (pte) => FLAGS.map(([letter, bit]) => (pte & bit ? letter : "-")).join("");

/** An entry as boxes, one a flag; flags that differ from `other` are marked. */
function pteBoxes(pte, other = pte) {
  if (pte === 0) return el("span", { class: "pte none" }, "no entry");
  if (isSwapped(pte)) return el("span", { class: "pte" }, el("b", { class: "soft" }, "swap"), ` slot ${hex(frameOf(pte))}`);
  const boxes = FLAGS.map(([letter, bit, meaning]) =>
    el("i", { class: (pte & bit ? "on" : "off") + ((pte ^ other) & bit ? " changed" : ""), title: meaning }, pte & bit ? letter : "-"));
  const software = [["cow", COW], ["shared", SHARED]].filter(([, bit]) => pte & bit)
    .map(([name, bit]) => el("b", { class: "soft" + ((pte ^ other) & bit ? " changed" : "") }, name));
  return el("span", { class: "pte", "aria-label": `flags ${letters(pte)}` }, el("span", { class: "bits" }, boxes), software);
}
