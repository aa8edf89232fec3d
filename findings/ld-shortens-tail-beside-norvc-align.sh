#!/usr/bin/env bash
# GNU ld relaxes a jump to c.j although the section's alignment counts on instructions of 4 bytes, and then cannot link.
#
# Tool: GNU as and ld 2.40 (Debian binutils-riscv64-linux-gnu 2.40-2).
# Input: `tail done`, then `.balign 8` under .option norvc. The assembler leaves 4 bytes of nops for the alignment
# (R_RISCV_ALIGN 4), which suffices as long as the code before it is a multiple of 4 bytes long.
# Expected: a program. A jump of 4 bytes (jal) fits, and with --no-relax the same object links.
# Seen: the linker makes the jump 2 bytes long (c.j), because the object's flags allow compressed code, and then says
# "6 bytes required for alignment to 8-byte boundary, but only 4 present".
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
        .globl  _start, done
_start: tail    done
        .option norvc
        .balign 8
        nop
        .option rvc
done:   ret
S
"${tools}as" -march=rv64gc input.s -o input.o
"${tools}ld" --no-relax input.o -o program
echo "with --no-relax it links"
if "${tools}ld" input.o -o program 2>said; then
  echo "it links with relaxation, too"
  exit 1
fi
cat said
grep -q '6 bytes required for alignment to 8-byte boundary, but only 4 present' said
