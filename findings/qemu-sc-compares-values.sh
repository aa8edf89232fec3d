#!/usr/bin/env bash
# Under qemu-riscv64 (user mode) sc.d succeeds although another thread has stored to the word since lr.d.
#
# Tool: qemu-riscv64 7.2.22 (Debian qemu-user-static 1:7.2+dfsg-7+deb12u18+b3); the input is made by GNU as and ld 2.40.
# Input: a thread reserves a word that holds 0, and asks another thread to store 1 and then 0 there. When it has seen that
# both are done, it executes sc.d. The ISA manual ("Zalrsc") says that an SC must fail if a store to the reservation set
# from another hart can be observed to occur between the LR and the SC.
# Seen: sc.d writes 2 and returns 0 (success): qemu compares the word's value with the one that lr.d has read, so it does
# not notice that the value has changed and changed back (ABA). The exit status is what sc.d returns.
# Expected: sc.d returns a number other than 0.
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
_start: la      s0, word
        la      s1, turn
        li      a0, 0x50f00             # VM, FS, FILES, SIGHAND, THREAD, SYSVSEM
        la      a1, stack
        li      a7, 220                 # clone
        ecall
        bltz    a0, no_thread
        beqz    a0, other

        li      t1, 1
        li      t2, 2
        lr.d.aqrl t0, (s0)
        sw      t1, (s1)                # the other's turn
        fence
1:      lw      t3, (s1)
        bne     t3, t2, 1b
        fence
        sc.d.aqrl a0, t2, (s0)
        j       2f
no_thread:
        li      a0, 99
2:      li      a7, 94                  # exit_group
        ecall

other:  lw      t3, (s1)
        beqz    t3, other
        fence
        li      t1, 1
        sd      t1, (s0)
        fence
        sd      zero, (s0)
        fence
        li      t2, 2
        sw      t2, (s1)
3:      j       3b                      # until exit_group

        .data
        .balign 128
word:   .dword  0
        .balign 128                     # the two words have reservation sets of their own
turn:   .word   0
        .bss
        .balign 16
        .skip   4096
stack:
S
"${tools}as" -march=rv64gc input.s -o input.o
"${tools}ld" input.o -o program
"$qemu" ./program && status=0 || status=$?
echo "sc.d returned $status"
[ "$status" = 0 ]
