/* Lets a User-mode Linux of 6.12 or older run on processors with more registers than it knows of (AMX).

Such a kernel keeps at most 2696 bytes of a process's extended registers. The host wants them back whole, and refuses the part
(EFAULT): "userspace - ptrace set fp regs failed, errno = 14", and the machine ends. What it does not know it does not change,
so the rest is taken from the process itself. Loaded with LD_PRELOAD. */

#define _GNU_SOURCE
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static long set_registers(long pid, struct iovec *known)
{
    static _Thread_local char whole[1 << 16];
    struct iovec all = {whole, sizeof whole};

    if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, NT_X86_XSTATE, &all) < 0)
        return -1;
    if (known->iov_len < all.iov_len)
        memcpy(whole, known->iov_base, known->iov_len);
    else
        all = *known;
    return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &all);
}

long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    long pid = va_arg(arguments, long);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);

    if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE)
        return set_registers(pid, data);
    /* The C library's own ptrace returns what these read; the system call stores it. */
    if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER) {
        long value = 0;
        long failed = syscall(SYS_ptrace, request, pid, address, &value);
        return failed < 0 ? failed : value;
    }
    return syscall(SYS_ptrace, request, pid, address, data);
}
