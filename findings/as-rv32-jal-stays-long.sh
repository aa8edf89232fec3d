#!/usr/bin/env bash
# GNU as never makes c.jal of `jal label`, although its table has the form.
#
# Tools: GNU as and objdump 2.40 (Debian binutils-riscv64-linux-gnu 2.40-2).
# Input: `jal f` and `j f` to a near label, for rv32ic. Both have a 16-bit form on RV32: c.jal and c.j.
# Seen: `j f` has 2 bytes, `jal f` has 4. The entry of the table for one operand without C precedes the one with C.
# `c.jal f` itself is taken, and ld's relaxation of `call` makes c.jal, so that only hand-written jal is longer.
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

printf 'f:      nop\n        jal     f\n        j       f\n        c.jal   f\n' >input.s
"${tools}as" -march=rv32ic input.s -o input.o
"${tools}objdump" -d -M no-aliases input.o | tee listing
grep -q 'jal	ra,0 <f>' listing
grep -c '	c\.jal	' listing | grep -qx 1
grep -q '	c\.j	0 <f>' listing
