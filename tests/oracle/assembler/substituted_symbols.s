# .eqv: evaluated at each use.

# eqv2
.set y, 1
.eqv x, y*2
.set y, 3
.dword x
.set y, 4
.dword x
