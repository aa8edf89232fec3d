#!/usr/bin/env bash
# qemu-riscv64 (user mode) refuses to make a thread without CLONE_SYSVSEM.
#
# Tool: qemu-riscv64 7.2.22 (Debian qemu-user-static 1:7.2+dfsg-7+deb12u18+b3); the input is made by GNU as and ld 2.40.
# Input: clone(CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD) with a stack of its own. Of these flags Linux
# (kernel/fork.c, copy_process) requires only that CLONE_THREAD comes with CLONE_SIGHAND, and that with CLONE_VM.
# Seen: clone returns -EINVAL; with CLONE_SYSVSEM too it returns the thread's number. The exit status is the error.
# Expected: a thread in both cases. glibc always passes CLONE_SYSVSEM, so programs that use its threads do not meet this.
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
_start: li      a0, FLAGS
        la      a1, stack
        li      a7, 220                 # clone
        ecall
        beqz    a0, thread
        neg     a0, a0
        bgtz    a0, 1f                  # the error, or 0
        li      a0, 0
1:      li      a7, 94                  # exit_group
        ecall
thread: li      a7, 93                  # exit
        ecall
        .bss
        .balign 16
        .skip   4096
stack:
S
status_with() { # FLAGS: make the program with them, run it
  "${tools}as" --defsym FLAGS="$1" input.s -o input.o
  "${tools}ld" input.o -o program
  "$qemu" ./program && status=0 || status=$?
  echo "clone with $1: $status"
}
status_with 0x10f00
[ "$status" = 22 ]
status_with 0x50f00
[ "$status" = 0 ]
