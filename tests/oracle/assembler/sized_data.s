# .dc, .dcb and .ds in every size, .float16.

# dc
.dc 1,2
.dc.b 1
.dc.w 2
.dc.l 4
.dc.a 8
.dc.s 1.5
.dc.d 2.5

# dcx
.dc.x 1.5

# dcb
.dcb 3,1
.dcb.b 2,7
.dcb.w 2,0x1234
.dcb.l 2,0x12345678
.dcb.s 2,1.5
.dcb.d 2,1.5

# ds
.ds 3
.ds.b 3
.ds.w 2
.ds.l 2
.ds.s 1
.ds.d 2
.ds.p 1
.ds.x 1

# dsfill
.data
.ds.w 2,7
.ds.l 1,0x55

# float16
.float16 1.0, -0.5, 65504, 1e-7, 5.96e-8, inf, nan, -inf
.float16 3.14159
