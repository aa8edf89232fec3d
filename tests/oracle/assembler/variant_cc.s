# .variant_cc of defined and undefined functions.

# variant
.globl f
.variant_cc f
f: ret
.variant_cc g
call g
