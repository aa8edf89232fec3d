#!/usr/bin/env bash
# GNU as takes `.weak .text` without a word, and writes an object that GNU ld refuses.
#
# Tools: GNU as, ld and readelf 2.40 (Debian binutils-riscv64-linux-gnu 2.40-2).
# Input: `.weak` with the name of the current section.
# Seen: the section's symbol stays local, but has a place among the globals, at the index in sh_info: a symbol table that the
# gABI forbids. as says nothing and its status is 0; readelf warns; ld says that sh_info is wrong, and of `bad value`.
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

printf '        .text\n        .weak   .text\n        nop\n' >input.s
"${tools}as" input.s -o input.o 2>&1 | tee said
[ ! -s said ]
"${tools}readelf" -sW input.o 2>&1 | tee listing
grep -q 'SECTION LOCAL  DEFAULT    1 \.text$' listing
grep -q "local symbol 5 found at index >= .symtab's sh_info value of 5" listing
if "${tools}ld" -e 0 input.o -o program 2>refused; then exit 1; fi
cat refused
grep -q '\.symtab local symbol at index 5 (>= sh_info of 5)' refused
