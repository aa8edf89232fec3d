# price_new: the second release: price() returns cents now. Programs that were linked with the first release still get
# euros, because both functions are there, under one name and two versions.

        .text
        .symver price_in_euros, price@SHOP_1
        .symver price_in_cents, price@@SHOP_2

        .globl  price_in_euros
        .type   price_in_euros, @function
price_in_euros:
        li      a0, 3
        ret

        .globl  price_in_cents
        .type   price_in_cents, @function
price_in_cents:
        li      a0, 299
        ret
