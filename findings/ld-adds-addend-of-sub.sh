#!/usr/bin/env bash
# GNU ld adds the addend of R_RISCV_SUB8..64 where the psABI's formula V - S - A subtracts it.
#
# Tool: GNU ld 2.40 (Debian binutils-riscv64-linux-gnu 2.40-2).
# Input: a word that holds V = 100, with R_RISCV_SUB32 against n + 3, where n is the number 10.
# The psABI ("Relocations") gives V - S - A = 100 - 10 - 3 = 87 = 0x57.
# Seen: 100 - 10 + 3 = 93 = 0x5d.
# Assemblers put the addend of `a - b` into the R_RISCV_ADD32 of the pair, so compilers' output does not meet this.
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
        .globl  _start, n
_start: ret
        .data
v:      .word   100
        .reloc  v, R_RISCV_SUB32, n + 3
        .set    n, 10
S
"${tools}as" -march=rv64gc input.s -o input.o
"${tools}readelf" -rW input.o | grep -q 'R_RISCV_SUB32 .* n + 3'
"${tools}ld" input.o -o program
"${tools}objcopy" -O binary -j .data program data
seen=$(od -An -tx1 data | tr -d ' \n')
echo "the word is $seen (the psABI's formula gives 57000000)"
[ "$seen" = 5d000000 ]
