/* Requests to devices: libs/libc/fileio.s. */
#ifndef TOYVM_SYS_IOCTL_H
#define TOYVM_SYS_IOCTL_H

#define TCGETS 0x5401

int ioctl(int fd, unsigned long request, ...);

#endif
