# tally_small: the same common symbol with 8 bytes. The largest size and the largest alignment win.

        .comm   tally, 8, 8
