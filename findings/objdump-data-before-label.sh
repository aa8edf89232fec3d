#!/usr/bin/env bash
# GNU objdump -d does not show data in a code section that is shorter than 4 bytes and stands before a label.
#
# Tool: GNU objdump 2.40 (Debian binutils-riscv64-linux-gnu 2.40-2).
# Input: one byte of data, a label, two bytes, a label, four bytes, all under one mapping symbol $d. It asks for words of
# four bytes, up to the next mapping symbol; but what it may read ends at the label.
# Seen: "Address 0x2 is out of bounds." in the place of the byte 01, and again for the half-word 0302. The exit status is 0.
# Expected: `.byte 0x01` and `.short 0x0302`, as it shows the rest at the end of a section.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq binutils-riscv64-linux-gnu=2.40-2 libbinutils=2.40-2 libjansson4=2.14-2 >download.log 2>&1 ||
  { cat download.log; echo "cannot get the packages"; exit 2; }
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libbfd-2.40-riscv64.so')")
export LD_LIBRARY_PATH
tools=$work/root/usr/bin/riscv64-linux-gnu-

cat >input.s <<'S'
        c.nop
first:  .byte   1
second: .byte   2, 3
third:  .byte   4, 5, 6, 7
S
"${tools}as" -march=rv64gc input.s -o input.o
"${tools}objdump" -d input.o | tee listing
grep -q 'Address 0x2 is out of bounds' listing
grep -q 'Address 0x3 is out of bounds' listing
grep -q '07060504.*\.word' listing
! grep -q '0302' listing
