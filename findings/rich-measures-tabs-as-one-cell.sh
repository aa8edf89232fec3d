#!/usr/bin/env bash
# rich measures a tab as one cell and prints it as up to eight, so text with tabs is wrapped although there is room.
#
# Tools: rich 15.0.0 (PyPI).
# Input: a line of disassembly with two tabs, 39 cells wide, on a console of 60.
# Seen: Measurement says 27 at most; Panel.fit and a column of a table get that width, and the line is wrapped in two.
# With the tabs expanded first it stays whole. textual's RichLog measures in the same way.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check rich==15.0.0 >download.log 2>&1 || { cat download.log; echo "cannot get rich"; exit 2; }
cat >measure.py <<'PYTHON'
import sys
from rich.console import Console
from rich.measure import Measurement
from rich.panel import Panel
from rich.text import Text

console = Console(width=60, color_system=None, file=sys.stdout)
line = "28\tsd\tt1, 0(t0) # has a frame"
print("measured:", Measurement.get(console, console.options, Text(line)).maximum)
print("printed:", len(line.expandtabs(8)))
console.print(Panel.fit(Text(line)))
console.print(Panel.fit(Text(line.expandtabs(8))))
PYTHON
venv/bin/python measure.py | tee seen.txt
grep -qx 'measured: 27' seen.txt
grep -qx 'printed: 39' seen.txt
[ "$(grep -c '│' seen.txt)" = 3 ] # two lines and one
