# la of numbers: small ones are addiw, never compressed; others are as by li.
        .option push
        .option rvc
        lla     a1, -4
        la      a2, 5
        lla     a3, 2047
        la      a4, -2048
        lla     a5, 0
        la      a0, 0x1000
        lla     a1, 70000
        la      a2, 0x12345000
        .option pic
        la      a3, 31
        .option pop
        li      a0, -4
        lla     a1, 5
