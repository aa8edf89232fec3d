#!/usr/bin/env bash
# GNU ld leaves words for exported symbols of a position-independent program to a look-up by name.
#
# Tools: GNU as, ld and readelf 2.40 (Debian binutils-riscv64-linux-gnu 2.40-2).
# Input: a PIE with a word for its own symbol `here`, linked with --export-dynamic (as gcc -rdynamic does).
# Seen: R_RISCV_64 with the symbol, which the loader looks up in all scopes at start, though a definition in a program
# cannot be preempted. Without --export-dynamic the same word is R_RISCV_RELATIVE. GNU ld 2.40 for x86-64 and lld
# 22 write a relative relocation in both cases. A program that exports many symbols starts more slowly for it.
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

cat >input.s <<'END'
        .globl  _start, here
_start: ret
        .data
here:   .dword  here
END
"${tools}as" input.s -o input.o
"${tools}ld" -pie input.o -o plain
"${tools}ld" -pie --export-dynamic input.o -o exported
"${tools}readelf" -rW plain | tee plain.txt
"${tools}readelf" -rW exported | tee exported.txt
grep -q 'R_RISCV_RELATIVE' plain.txt || { echo "the word was never relative"; exit 1; }
grep -q 'R_RISCV_RELATIVE' exported.txt && { echo "the word is relative now"; exit 1; }
grep -q 'R_RISCV_64 .* here' exported.txt || { echo "the word has no symbol"; exit 1; }
