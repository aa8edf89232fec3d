#!/usr/bin/env bash
# GNU as leaves an undefined symbol called like the register behind when `jalr rd, (rs)` has no offset; ld then takes a
# member of an archive for it.
#
# Tools: GNU as and ld 2.40 (Debian binutils-riscv64-linux-gnu 2.40-2).
# Input: `jalr a0, (sp)`. The instruction is right (jalr a0, 0(sp)), but as first reads `sp` as an expression.
# Seen: nm shows "U sp". Linked with an archive whose member defines a symbol `sp`, the program gets that member, which
# nothing refers to.
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

printf '        .globl  _start\n_start: jalr    a0, (sp)\n' >input.s
printf '        .globl  sp\nsp:     .word   5\n' >member.s
for name in input member; do "${tools}as" $name.s -o $name.o; done
"${tools}ar" rcs library.a member.o
"${tools}objdump" -d input.o | grep 'jalr.*a0,(\?sp\|jalr.*a0,0(sp)'
"${tools}nm" input.o | grep -x ' *U sp'
"${tools}ld" input.o library.a -o program
"${tools}nm" program | grep ' sp$'
