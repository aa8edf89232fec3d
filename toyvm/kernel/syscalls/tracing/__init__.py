"""`--trace=syscalls`: system calls as strace shows them."""
