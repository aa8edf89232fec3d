# The name of a section is a symbol, before and after the section begins.
 la a0, .room
 .dword .data, .zork, .text+4
 .section .room,"a"
 .skip 64
 .dword .room+8
 .section .other,"a"
 .dword .room-.room, .other
