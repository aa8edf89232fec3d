# tally_big: `tally` as a common symbol of 64 bytes, aligned to 32: the size is known, the place is the linker's choice.

        .comm   tally, 64, 32
