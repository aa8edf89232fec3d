# tally_data: `tally` as initialised data: a definition wins over all common symbols.

        .data
        .globl  tally
        .type   tally, @object
        .size   tally, 8
tally:  .dword  42
