# Character classes of the "C" locale: isalpha(3), toupper(3) etc. The argument is an unsigned char, or EOF (-1).

        .include "defs.inc"

        .macro  IN_RANGE low, high      # a0 = 1 if low <= a0 <= high, else 0
        addi    a0, a0, -(\low)
        sltiu   a0, a0, (\high) - (\low) + 1
        .endm

# int isdigit(int c): 0-9
        FUNC    isdigit
        IN_RANGE '0', '9'
        ret
        END     isdigit

# int isupper(int c): A-Z
        FUNC    isupper
        IN_RANGE 'A', 'Z'
        ret
        END     isupper

# int islower(int c): a-z
        FUNC    islower
        IN_RANGE 'a', 'z'
        ret
        END     islower

# int isalpha(int c): A-Z a-z
        FUNC    isalpha
        ori     a0, a0, 0x20
        IN_RANGE 'a', 'z'
        ret
        END     isalpha

# int isalnum(int c): A-Z a-z 0-9
        FUNC    isalnum
        addi    t0, a0, -'0'
        sltiu   t0, t0, 10
        ori     a0, a0, 0x20
        IN_RANGE 'a', 'z'
        or      a0, a0, t0
        ret
        END     isalnum

# int isxdigit(int c): 0-9 A-F a-f
        FUNC    isxdigit
        addi    t0, a0, -'0'
        sltiu   t0, t0, 10
        ori     a0, a0, 0x20
        IN_RANGE 'a', 'f'
        or      a0, a0, t0
        ret
        END     isxdigit

# int isspace(int c): blank \t \n \v \f \r
        FUNC    isspace
        addi    t0, a0, -' '
        seqz    t0, t0
        IN_RANGE 9, 13
        or      a0, a0, t0
        ret
        END     isspace

# int isblank(int c): blank \t
        FUNC    isblank
        addi    t0, a0, -' '
        seqz    t0, t0
        addi    a0, a0, -9
        seqz    a0, a0
        or      a0, a0, t0
        ret
        END     isblank

# int isprint(int c): the graphic characters, and the blank
        FUNC    isprint
        IN_RANGE ' ', 126
        ret
        END     isprint

# int isgraph(int c): the graphic characters
        FUNC    isgraph
        IN_RANGE 33, 126
        ret
        END     isgraph

# int iscntrl(int c): 0..31 and 127
        FUNC    iscntrl
        addi    t0, a0, -127
        seqz    t0, t0
        sltiu   a0, a0, 32
        or      a0, a0, t0
        ret
        END     iscntrl

# int ispunct(int c): graphic characters that are not letters or digits
        FUNC    ispunct
        PUSH_RA
        sd      a0, 0(sp)
        call    __libc_isalnum
        mv      t0, a0
        ld      a0, 0(sp)
        POP_RA
        IN_RANGE 33, 126
        xori    t0, t0, 1
        and     a0, a0, t0
        ret
        END     ispunct

# int isascii(int c): 0..127
        FUNC    isascii
        sltiu   a0, a0, 128
        ret
        END     isascii

# int toupper(int c): convert a-z to A-Z
        FUNC    toupper
        addi    t0, a0, -'a'
        sltiu   t0, t0, 26
        slli    t0, t0, 5
        sub     a0, a0, t0
        ret
        END     toupper

# int tolower(int c): convert A-Z to a-z
        FUNC    tolower
        addi    t0, a0, -'A'
        sltiu   t0, t0, 26
        slli    t0, t0, 5
        add     a0, a0, t0
        ret
        END     tolower
