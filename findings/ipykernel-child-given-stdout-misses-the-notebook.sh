#!/usr/bin/env bash
# In a notebook, what a child process writes appears in the cell, but not if it is given stdout=sys.stdout.
#
# Tools: ipykernel 7.4.0, nbclient 0.11.0, nbformat 5.10.4 (PyPI).
# Input: a cell that runs `echo` twice, and writes bytes to two descriptors.
# Seen: sys.stdout has no `buffer`, and its fileno() is not 1: it is a copy of the kernel's own output, which leads to
# the terminal that started the kernel. The kernel reads descriptor 1 back into the cell. So a child that inherits its
# output is seen in the notebook, and one that is given sys.stdout, as one does to make sure, writes to the terminal.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check ipykernel==7.4.0 nbclient==0.11.0 nbformat==5.10.4 \
  >download.log 2>&1 || { cat download.log; echo "cannot get the packages"; exit 2; }
cat >cell.py <<'PYTHON'
import nbformat
from nbclient import NotebookClient

source = """
import os, subprocess, sys
print("buffer:", hasattr(sys.stdout, "buffer"), "fileno is 1:", sys.stdout.fileno() == 1)
sys.stdout.flush()
os.write(1, b"to descriptor 1\\n")
os.write(sys.stdout.fileno(), b"to fileno()\\n")
subprocess.run(["echo", "a child that inherits"])
done = subprocess.run(["echo", "a child given sys.stdout"], stdout=sys.stdout)
"""
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
NotebookClient(notebook, timeout=60).execute()
print("IN THE CELL: " + "".join(o.get("text", "") for o in notebook.cells[0].outputs).replace("\n", " | "))
PYTHON
HOME=$work PATH=$work/venv/bin:$PATH venv/bin/python cell.py >seen.txt 2>warnings.txt
cat seen.txt
grep -q '^IN THE CELL: buffer: False fileno is 1: False | to descriptor 1 | a child that inherits | $' seen.txt
grep -qx 'to fileno()' seen.txt # on the terminal
grep -qx 'a child given sys.stdout' seen.txt
