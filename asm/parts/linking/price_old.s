# price_old: the first release of a library: price() returns euros.

        .text
        .globl  price
        .type   price, @function
price:  li      a0, 3
        ret
