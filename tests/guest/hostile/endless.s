# Goes nowhere, forever.
        .text
        .globl  _start
_start: j       _start
