#!/usr/bin/env bash
# gdb sends its first packet again after two seconds, and takes the answer to the copy for the answer to its next packet.
#
# Tools: gdb 18.1 (PyPI gdb-for-pwndbg 18.1.0.post1); 13.1 does the same.
# Input: a server at the end of a pipe that starts slowly, then acknowledges and answers every packet that it finds.
# Seen: "Remote replied unexpectedly to 'vMustReplyEmpty'", and no connection. So a server drops a packet that is the
# same as the one before it, if both were sent before an acknowledgement.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q gdb-for-pwndbg==18.1.0.post1

cat >server.py <<'END'
import os, re, time
time.sleep(5)
for packet in re.findall(rb"\$(.*?)#..", os.read(0, 10000)):
    text = b"PacketSize=1000" if packet.startswith(b"qSupported") else b""
    os.write(1, b"+$%b#%02x" % (text, sum(text) & 255))
time.sleep(1)
END
venv/bin/gdb --version | head -1
venv/bin/gdb -nx -batch -ex "target remote | env -u PYTHONHOME -u PYTHONPATH $(command -v python3) server.py" >log 2>&1 || true
grep "Remote replied unexpectedly to 'vMustReplyEmpty': PacketSize=1000" log || { cat log; exit 1; }
