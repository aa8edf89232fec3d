#!/usr/bin/env bash
# addr2line and objdump -l take the first file of a DWARF 5 line table for the current one; readelf takes the second.
#
# Tools: GNU as, ld, readelf, addr2line and objdump 2.40 (Debian binutils-riscv64-linux-gnu 2.40-2).
# Input: a line table of version 5 with the files 0 (zero.c) and 1 (one.c), whose program sets no file. The file register
# starts at 1 (DWARF 5, 6.2.2), and files are counted from 0 since version 5: line 7 is one.c's.
# Seen: readelf says one.c, addr2line and objdump of the same release say zero.c. gcc's tables hide it: their files 0 and 1
# are the same.
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
        .text
        .globl  f
f:      nop
        nop
        .section .debug_abbrev
        # 1: DW_TAG_compile_unit with stmt_list, low_pc, high_pc, name
        .byte   1, 0x11, 0, 0x10, 0x17, 0x11, 0x01, 0x12, 0x07, 0x03, 0x08, 0, 0, 0
        .section .debug_info
        .4byte  unit_end - unit
unit:   .2byte  5
        .byte   1, 8
        .4byte  .debug_abbrev
        .byte   1
        .4byte  .debug_line
        .8byte  f
        .8byte  8
        .asciz  "zero.c"
unit_end:
        .section .debug_line
        .4byte  line_end - line
line:   .2byte  5
        .byte   8, 0
        .4byte  program - header
header: .byte   1, 1, 1, 0xf6, 14, 13
        .byte   0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1
        .byte   1, 1, 8         # a folder is a path, as a string
        .byte   1
        .asciz  "/"
        .byte   2, 1, 8, 2, 11  # a file is a path and the number of a folder
        .byte   2
        .asciz  "zero.c"
        .byte   0
        .asciz  "one.c"
        .byte   0
program:
        .byte   0, 9, 2         # set the address
        .8byte  f
        .byte   3, 6, 1         # line 7, a row
        .byte   2, 8, 0, 1, 1   # 8 bytes on, the end
line_end:
END
"${tools}as" -march=rv64i input.s -o input.o
"${tools}ld" -Ttext=0x10000 -e f input.o -o program
"${tools}readelf" --debug-dump=decodedline program | tee rows
"${tools}addr2line" -e program 0x10000 | tee place
"${tools}objdump" -dl program | tee listing
grep -Eq '^one\.c +7 +0x10000 ' rows
grep -q 'zero\.c:7$' place
grep -q 'zero\.c:7$' listing
