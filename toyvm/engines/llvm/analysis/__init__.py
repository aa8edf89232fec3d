"""Analysis of a region of code: control flow, loops, linear forms of registers, NaN boxes."""
