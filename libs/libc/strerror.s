# Error messages: strerror(3), perror(3). The texts are glibc's.

        .include "defs.inc"

        .equ    ERRORS, 134
        .equ    UNKNOWN_BYTES, 32

# char *strerror(int number): the text of an error number; for an unknown one, "Unknown error N" in a static buffer,
# which the next such call overwrites
        FUNC    strerror
        li      t0, ERRORS
        bgeu    a0, t0, 4f
        lla     t0, texts
        mv      t1, a0
1:      beqz    t1, 3f                  # skip that many texts
2:      lbu     t2, 0(t0)
        addi    t0, t0, 1
        bnez    t2, 2b
        addi    t1, t1, -1
        j       1b
3:      lbu     t2, 0(t0)
        beqz    t2, 4f                  # an unused number
        mv      a0, t0
        ret
4:      PUSH_RA
        mv      a3, a0
        lla     a0, unknown_text
        li      a1, UNKNOWN_BYTES
        lla     a2, unknown_format
        call    __libc_snprintf
        lla     a0, unknown_text
        POP_RA
        ret
        END     strerror

# void perror(const char *what): print "what: text of errno" to stderr; only the text if what is NULL or empty
        FUNC    perror
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      a0, 16(sp)
        call    __libc___errno_location
        lw      a0, 0(a0)
        call    __libc_strerror
        mv      a3, a0
        la      a0, stderr
        ld      a0, 0(a0)
        ld      a2, 16(sp)
        lla     a1, perror_format
        beqz    a2, 1f
        lbu     t0, 0(a2)
        bnez    t0, 2f
1:      lla     a1, perror_short
        mv      a2, a3
2:      call    __libc_fprintf
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret
        END     perror

        .bss
unknown_text:
        .skip   UNKNOWN_BYTES

        .section .rodata
unknown_format:
        .string "Unknown error %d"
perror_format:
        .string "%s: %s\n"
perror_short:
        .string "%s\n"
texts:
        .string "Success"               # 0
        .string "Operation not permitted" # 1
        .string "No such file or directory" # 2
        .string "No such process"       # 3
        .string "Interrupted system call" # 4
        .string "Input/output error"    # 5
        .string "No such device or address" # 6
        .string "Argument list too long" # 7
        .string "Exec format error"     # 8
        .string "Bad file descriptor"   # 9
        .string "No child processes"    # 10
        .string "Resource temporarily unavailable" # 11
        .string "Cannot allocate memory" # 12
        .string "Permission denied"     # 13
        .string "Bad address"           # 14
        .string "Block device required" # 15
        .string "Device or resource busy" # 16
        .string "File exists"           # 17
        .string "Invalid cross-device link" # 18
        .string "No such device"        # 19
        .string "Not a directory"       # 20
        .string "Is a directory"        # 21
        .string "Invalid argument"      # 22
        .string "Too many open files in system" # 23
        .string "Too many open files"   # 24
        .string "Inappropriate ioctl for device" # 25
        .string "Text file busy"        # 26
        .string "File too large"        # 27
        .string "No space left on device" # 28
        .string "Illegal seek"          # 29
        .string "Read-only file system" # 30
        .string "Too many links"        # 31
        .string "Broken pipe"           # 32
        .string "Numerical argument out of domain" # 33
        .string "Numerical result out of range" # 34
        .string "Resource deadlock avoided" # 35
        .string "File name too long"    # 36
        .string "No locks available"    # 37
        .string "Function not implemented" # 38
        .string "Directory not empty"   # 39
        .string "Too many levels of symbolic links" # 40
        .string ""                      # 41
        .string "No message of desired type" # 42
        .string "Identifier removed"    # 43
        .string "Channel number out of range" # 44
        .string "Level 2 not synchronized" # 45
        .string "Level 3 halted"        # 46
        .string "Level 3 reset"         # 47
        .string "Link number out of range" # 48
        .string "Protocol driver not attached" # 49
        .string "No CSI structure available" # 50
        .string "Level 2 halted"        # 51
        .string "Invalid exchange"      # 52
        .string "Invalid request descriptor" # 53
        .string "Exchange full"         # 54
        .string "No anode"              # 55
        .string "Invalid request code"  # 56
        .string "Invalid slot"          # 57
        .string ""                      # 58
        .string "Bad font file format"  # 59
        .string "Device not a stream"   # 60
        .string "No data available"     # 61
        .string "Timer expired"         # 62
        .string "Out of streams resources" # 63
        .string "Machine is not on the network" # 64
        .string "Package not installed" # 65
        .string "Object is remote"      # 66
        .string "Link has been severed" # 67
        .string "Advertise error"       # 68
        .string "Srmount error"         # 69
        .string "Communication error on send" # 70
        .string "Protocol error"        # 71
        .string "Multihop attempted"    # 72
        .string "RFS specific error"    # 73
        .string "Bad message"           # 74
        .string "Value too large for defined data type" # 75
        .string "Name not unique on network" # 76
        .string "File descriptor in bad state" # 77
        .string "Remote address changed" # 78
        .string "Can not access a needed shared library" # 79
        .string "Accessing a corrupted shared library" # 80
        .string ".lib section in a.out corrupted" # 81
        .string "Attempting to link in too many shared libraries" # 82
        .string "Cannot exec a shared library directly" # 83
        .string "Invalid or incomplete multibyte or wide character" # 84
        .string "Interrupted system call should be restarted" # 85
        .string "Streams pipe error"    # 86
        .string "Too many users"        # 87
        .string "Socket operation on non-socket" # 88
        .string "Destination address required" # 89
        .string "Message too long"      # 90
        .string "Protocol wrong type for socket" # 91
        .string "Protocol not available" # 92
        .string "Protocol not supported" # 93
        .string "Socket type not supported" # 94
        .string "Operation not supported" # 95
        .string "Protocol family not supported" # 96
        .string "Address family not supported by protocol" # 97
        .string "Address already in use" # 98
        .string "Cannot assign requested address" # 99
        .string "Network is down"       # 100
        .string "Network is unreachable" # 101
        .string "Network dropped connection on reset" # 102
        .string "Software caused connection abort" # 103
        .string "Connection reset by peer" # 104
        .string "No buffer space available" # 105
        .string "Transport endpoint is already connected" # 106
        .string "Transport endpoint is not connected" # 107
        .string "Cannot send after transport endpoint shutdown" # 108
        .string "Too many references: cannot splice" # 109
        .string "Connection timed out"  # 110
        .string "Connection refused"    # 111
        .string "Host is down"          # 112
        .string "No route to host"      # 113
        .string "Operation already in progress" # 114
        .string "Operation now in progress" # 115
        .string "Stale file handle"     # 116
        .string "Structure needs cleaning" # 117
        .string "Not a XENIX named type file" # 118
        .string "No XENIX semaphores available" # 119
        .string "Is a named type file"  # 120
        .string "Remote I/O error"      # 121
        .string "Disk quota exceeded"   # 122
        .string "No medium found"       # 123
        .string "Wrong medium type"     # 124
        .string "Operation canceled"    # 125
        .string "Required key not available" # 126
        .string "Key has expired"       # 127
        .string "Key has been revoked"  # 128
        .string "Key was rejected by service" # 129
        .string "Owner died"            # 130
        .string "State not recoverable" # 131
        .string "Operation not possible due to RF-kill" # 132
        .string "Memory page has hardware error" # 133
