/* The device, its primary context, its errors, and the handles by which a test plays with them. */

#include "fake_cuda.h"

#include <string.h>

struct CUctx_st { int retained; };

enum { NAMES = 64, DEPTH = 16 };

pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;

static struct { const char *name; int calls, skip, code; } functions[NAMES];
static struct { int integrated, count, version, least, greatest, initialized, fault; } device;
static struct CUctx_st primary;
static _Thread_local CUcontext current[DEPTH];
static _Thread_local int depth;

static int index_of(const char *name)
{
    int i = 0;
    while (i < NAMES - 1 && functions[i].name && strcmp(functions[i].name, name) != 0)
        i++;
    if (!functions[i].name)
        functions[i].name = strdup(name);
    return i;
}

CUresult fake_enter(const char *name, int needs_context)
{
    CUresult code = OK;
    pthread_mutex_lock(&fake_lock);
    int i = index_of(name);
    functions[i].calls++;
    if (functions[i].code && functions[i].skip-- == 0) {
        code = functions[i].code;
        functions[i].code = 0;
    } else if (needs_context && !device.initialized) {
        code = NOT_INITIALIZED;
    } else if (needs_context && (depth == 0 || primary.retained == 0)) {
        code = INVALID_CONTEXT;
    } else if (needs_context) {
        code = device.fault;
    }
    pthread_mutex_unlock(&fake_lock);
    return code;
}

CUresult fake_fault(CUresult code) { return device.fault = code; }

/* For tests. */

void fake_reset(int integrated)
{
    fake_reset_streams();
    fake_reset_memory();
    memset(functions, 0, sizeof functions);
    memset(&device, 0, sizeof device);
    device.integrated = integrated;
    device.count = 1;
    device.version = 12060;
    device.greatest = -5;
}

void fake_set_version(int version) { device.version = version; }
void fake_set_count(int count) { device.count = count; }
void fake_set_priorities(int least, int greatest) { device.least = least, device.greatest = greatest; }
int fake_calls(const char *name) { return functions[index_of(name)].calls; }
int fake_depth(void) { return depth; }
int fake_live(void) { return fake_live_memory() + fake_live_streams(); }

void fake_fail(const char *name, int skip, int code)
{
    int i = index_of(name);
    functions[i].skip = skip;
    functions[i].code = code;
}

/* The driver. */

CUresult cuInit(unsigned int flags)
{
    ENTER(0);
    if (flags != 0)
        return INVALID_VALUE;
    if (device.count == 0)
        return NO_DEVICE;
    device.initialized = 1;
    return OK;
}

CUresult cuDriverGetVersion(int *version)
{
    ENTER(0);
    *version = device.version;
    return OK;
}

static const struct { int code; const char *name, *text; } errors[] = {
    {OK, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
};

static CUresult say(CUresult error, const char **text, int which)
{
    *text = NULL;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == (int)error)
            return *text = which ? errors[i].text : errors[i].name, OK;
    return INVALID_VALUE;
}

CUresult cuGetErrorName(CUresult error, const char **name) { return say(error, name, 0); }
CUresult cuGetErrorString(CUresult error, const char **text) { return say(error, text, 1); }

CUresult cuDeviceGetCount(int *count)
{
    ENTER(0);
    *count = device.count;
    return device.initialized ? OK : NOT_INITIALIZED;
}

CUresult cuDeviceGet(CUdevice *found, int ordinal)
{
    ENTER(0);
    if (!device.initialized)
        return NOT_INITIALIZED;
    *found = ordinal;
    return ordinal < device.count ? OK : INVALID_DEVICE;
}

CUresult cuDeviceGetName(char *name, int size, CUdevice which)
{
    ENTER(0);
    strncpy(name, "Orin (fake)", size);
    return which == 0 ? OK : INVALID_DEVICE;
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice which)
{
    ENTER(0);
    *value = attribute == 18 ? device.integrated : attribute == 75 ? 8 : attribute == 76 ? 7 : 0;
    return which == 0 ? OK : INVALID_DEVICE;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice which)
{
    ENTER(0);
    *bytes = (size_t)8 << 30;
    return which == 0 ? OK : INVALID_DEVICE;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice which)
{
    ENTER(0);
    if (!device.initialized || which != 0)
        return NOT_INITIALIZED;
    primary.retained++;
    *context = &primary;
    return OK;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice which)
{
    ENTER(0);
    if (which != 0 || primary.retained == 0)
        return INVALID_CONTEXT;
    primary.retained--;
    return OK;
}

CUresult cuCtxPushCurrent_v2(CUcontext context)
{
    ENTER(0);
    if (context != &primary || primary.retained == 0 || depth == DEPTH)
        return INVALID_CONTEXT;
    if (device.fault)
        return device.fault;
    current[depth++] = context;
    return OK;
}

CUresult cuCtxPopCurrent_v2(CUcontext *context)
{
    ENTER(0);
    if (depth == 0)
        return INVALID_CONTEXT;
    *context = current[--depth];
    return device.fault; /* as any call may, of work that was enqueued before */
}

CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
    ENTER(1);
    *least = device.least;
    *greatest = device.greatest;
    return OK;
}
