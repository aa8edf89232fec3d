#!/usr/bin/env bash
# GNU as rounds a floating-point constant that is halfway between two numbers up, not to even.
#
# Tools: GNU as and readelf 2.40 (Debian binutils-riscv64-linux-gnu 2.40-2).
# Input: `.float 16777217`, which is 2**24 + 1, halfway between 2**24 and 2**24 + 2.
# Seen: 01 00 80 4b, which is 2**24 + 2. IEEE 754's default, and every C compiler, rounds to 2**24 (00 00 80 4b). gcc
# writes constants as .word, so that programs in C are not affected; assembly by hand is.
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

printf '        .data\n        .float  16777217, 16777219\n' >input.s
"${tools}as" input.s -o input.o
"${tools}readelf" -x .data input.o | tee dump
grep -q '0100804b 0200804b' dump || { echo "the rounding has changed"; exit 1; }
