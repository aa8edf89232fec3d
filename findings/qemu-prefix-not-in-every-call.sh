#!/usr/bin/env bash
# qemu-riscv64 -L DIR finds a file under DIR in some system calls only: a program opens a file that access(2) denies.
#
# Tool: qemu-riscv64 7.2.22 (Debian qemu-user-static 1:7.2+dfsg-7+deb12u18+b3); the input is made by GNU as and ld 2.40.
# Input: a file that is in DIR and not in the host's root, by its absolute path in one call after the other.
# Seen: openat, newfstatat, readlinkat (of a link beside it) and statfs find it; statx and faccessat do not.
# Expected: the same answer from each, for users take -L for a root. Programs of Rust's standard library (statx) and those
# that ask before they open (access) fail with -L and run in a chroot: CMake, for one ("Could not find CMAKE_ROOT").
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq binutils-riscv64-linux-gnu=2.40-2 libbinutils=2.40-2 libjansson4=2.14-2 \
  qemu-user-static=1:7.2+dfsg-7+deb12u18+b3 >download.log 2>&1 ||
  { cat download.log; echo "cannot get the packages"; exit 2; }
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libbfd-2.40-riscv64.so')")
export LD_LIBRARY_PATH
tools=$work/root/usr/bin/riscv64-linux-gnu-
qemu=$work/root/usr/bin/qemu-riscv64-static

cat >input.s <<'S'
        .globl  _start
        .option norelax                 # gp is not set
_start: la      a1, name
        .if     CALL == 78
        la      a1, link
        .endif
        la      a2, buffer
        .if     CALL == 43 || CALL == 49 # the path is the first argument
        mv      a0, a1
        mv      a1, a2
        .else
        li      a0, -100                # AT_FDCWD
        .endif
        .if     CALL == 48 || CALL == 56
        li      a2, 0                   # F_OK, O_RDONLY
        .endif
        li      a3, 0                   # flags
        .if     CALL == 78
        li      a3, 100                 # the size of the buffer
        .elseif CALL == 291
        mv      a4, a2
        mv      a2, a3
        li      a3, 0x7ff               # STATX_BASIC_STATS
        .endif
        li      a7, CALL
        ecall
        slt     a0, a0, zero
        li      a7, 94                  # exit_group
        ecall
        .data
name:   .asciz  "/only-under-the-prefix/file"
link:   .asciz  "/only-under-the-prefix/link"
        .bss
        .balign 16
buffer: .skip   512
S
mkdir -p prefix/only-under-the-prefix
echo text >prefix/only-under-the-prefix/file
ln -s file prefix/only-under-the-prefix/link
found=
for call in openat:56 newfstatat:79 statx:291 faccessat:48 readlinkat:78 statfs:43; do
  IFS=: read -r name number <<<"$call"
  "${tools}as" --defsym CALL="$number" input.s -o input.o
  "${tools}ld" input.o -o program
  if "$qemu" -L "$work/prefix" ./program; then found+=" $name"; fi
done
echo "found by:$found"
[ "$found" = " openat newfstatat readlinkat statfs" ]
