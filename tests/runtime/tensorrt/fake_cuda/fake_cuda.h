/* A CUDA driver without a GPU, for tests: the real symbols with the real signatures, device memory on the host.

Work on a stream is done when somebody waits for it, in order, and not before: who forgets to wait, to copy or to capture gets wrong
numbers every time. Addresses of the device are not those of the host. Built with -DWITH_CUDA_H the signatures are checked by the
compiler against NVIDIA's own header. */

#ifndef FAKE_CUDA_H
#define FAKE_CUDA_H

#include <pthread.h>
#include <stddef.h>

#ifdef WITH_CUDA_H
#include <cuda.h>
#else
typedef int CUresult, CUdevice, CUdevice_attribute, CUstreamCaptureMode;
typedef unsigned long long CUdeviceptr, cuuint64_t;
typedef struct CUctx_st *CUcontext;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphExec_st *CUgraphExec;
#endif

enum {
    OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400, ILLEGAL_ADDRESS = 700, LAUNCH_TIMEOUT = 702, LAUNCH_FAILED = 719, NOT_SUPPORTED = 801,
    CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901
};

typedef int (*fake_kernel)(long token); /* returns a CUresult; what is not 0 is a fault of the GPU, and stays */

extern pthread_mutex_t fake_lock;

/* The first thing every function of the driver does: counts the call, returns the error it is to give. */
CUresult fake_enter(const char *name, int needs_context);
CUresult fake_fault(CUresult code); /* from now on every call fails with it; returns it */
CUresult fake_capture_forbids(void); /* breaks this thread's capture, if it has one, as an unsafe call does */
void *fake_resolve(CUdeviceptr address, size_t size); /* the host's address of the device's memory; NULL where there is none */
int fake_is_pinned(const void *host, size_t size);
void fake_reset_memory(void);
void fake_reset_streams(void);
int fake_live_memory(void);
int fake_live_streams(void);

#define ENTER(needs_context)                                      \
    do {                                                          \
        CUresult refused = fake_enter(__func__, (needs_context)); \
        if (refused != 0)                                         \
            return refused;                                       \
    } while (0)

#endif
