"""The sections that the linker writes itself: GOT, PLT, dynamic tables, symbol tables, .eh_frame_hdr."""
