#!/usr/bin/env bash
# GNU as for RISC-V takes one value in .uleb128 and .sleb128, where GNU as for x86 takes a list.
#
# Tools: GNU as 2.40 for both (Debian binutils-riscv64-linux-gnu and binutils-x86-64-linux-gnu 2.40-2).
# Input: `.uleb128 1, 2`, `.sleb128 1, 2`, and `.byte 1, 2`.
# Seen: RISC-V refuses the two (`junk at end of line, first unrecognized character is ','`) and takes `.byte`. x86 takes all
# three. The manual of as has a list ("expressions"); RISC-V's port has a directive of its own for relaxation.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq binutils-riscv64-linux-gnu=2.40-2 binutils-x86-64-linux-gnu=2.40-2 libbinutils=2.40-2 libjansson4=2.14-2 \
  >download.log 2>&1 || { cat download.log; echo "cannot get the packages"; exit 2; }
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libbfd-2.40-riscv64.so')"):$(dirname "$(find "$work/root" -name 'libbfd-2.40-system.so')")
export LD_LIBRARY_PATH

printf '        .byte   1, 2\n        .uleb128 1, 2\n        .sleb128 1, 2\n' >input.s
root/usr/bin/x86_64-linux-gnu-as input.s -o x86.o
if root/usr/bin/riscv64-linux-gnu-as input.s -o riscv.o 2>said; then exit 1; fi
cat said
grep -c "junk at end of line, first unrecognized character is \`,'" said | grep -qx 2
grep -q '^input.s:2: ' said
grep -q '^input.s:3: ' said
