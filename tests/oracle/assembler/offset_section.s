# .offset in front of data.

# offset
.offset 16
a: .skip 8
b:
.data
.dword a, b, b-a
