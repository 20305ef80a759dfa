#pragma once
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/// quotactl_fd(2), since Linux 5.14, which glibc has no function for; its number is the same on all architectures.
/// Returns 0, or the error's number.
static inline int hatchfarm_quotactl(int folder, unsigned int command, unsigned int id, void *argument) {
    return syscall(443, folder, command, id, argument) == 0 ? 0 : errno;
}
