# Floating-point constants in GNU's spellings.

	.float 1.0, 0f1.5, 0e2.5, 0d3, -1.5e3, +2, .5, 5., 0x3, 0x10, 0b101, 0F1, 0E1.5, 1e-46, 1e-45
	.float nan, -nan, snan, -snan, qnan, inf, -inf, +inf, infinity, NaN, INF, - 1
	.float 0x:3f800000, 0f:3f8, 0d:7f
	.double 1.0, 0d1.5e10, 0r2, nan, -nan, inf, -inf, snan, 0.1, 1e308, 4.9e-324, 2.2250738585072014e-308
	.double 0x:3ff0000000000000, 0x:0123_4567_89ab_cdef
	.float16 0f:3c00, 65504, 65519, 2051, 0.333, 5.97e-8, 2.98e-8, nan, -inf
	.dc.x 0.1, 1, -2.5
	.dcb.s 2, 1.5
	.dcb.d 1, -1.5
	.dcb.x 2, 0.1
