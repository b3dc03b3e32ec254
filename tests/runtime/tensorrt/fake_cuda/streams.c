/* Streams that do their work when it is waited for, events, and the capture of work into graphs. */

#include "fake_cuda.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STREAMS = 512, NODES = 64, WAIT_S = 60 };

struct node {
    enum { COPY_TO_DEVICE, COPY_TO_HOST, KERNEL } kind;
    CUdeviceptr address;
    void *host;
    size_t size;
    fake_kernel kernel;
    long token;
};
struct list { struct node nodes[NODES]; int n; };
struct CUstream_st { struct list pending, captured; int live, priority, capturing, broken; pthread_t owner; };
struct CUevent_st { CUstream stream; int live; };
struct CUgraph_st { struct list list; };
struct CUgraphExec_st { struct list list; };

static struct CUstream_st streams[STREAMS];
static int n_streams, n_others, held, waiting;
static pthread_cond_t let_go = PTHREAD_COND_INITIALIZER;

static int is_stream(CUstream stream)
{
    return stream >= streams && stream < streams + n_streams && stream->live;
}

static CUresult enqueue(CUstream stream, struct node node)
{
    if (!is_stream(stream))
        return INVALID_HANDLE;
    struct list *list = stream->capturing ? &stream->captured : &stream->pending;
    if (list->n == NODES)
        return OUT_OF_MEMORY;
    list->nodes[list->n++] = node;
    return OK;
}

static CUresult work(const struct node *node)
{
    void *device = node->kind == KERNEL ? NULL : fake_resolve(node->address, node->size);
    if (node->kind == KERNEL)
        return node->kernel(node->token);
    if (!device || !fake_is_pinned(node->host, node->size))
        return ILLEGAL_ADDRESS;
    if (node->kind == COPY_TO_DEVICE)
        memcpy(device, node->host, node->size);
    else
        memcpy(node->host, device, node->size);
    return OK;
}

CUresult fake_capture_forbids(void)
{
    CUresult code = OK;
    for (int i = 0; i < n_streams; i++)
        if (streams[i].capturing && pthread_equal(streams[i].owner, pthread_self())) {
            streams[i].broken = 1;
            code = CAPTURE_UNSUPPORTED;
        }
    return code;
}

void fake_reset_streams(void)
{
    for (int i = 0; i < n_streams; i++)
        streams[i].live = streams[i].capturing = 0;
    n_others = held = 0;
}

int fake_live_streams(void)
{
    int live = n_others;
    for (int i = 0; i < n_streams; i++)
        live += streams[i].live;
    return live;
}

/* For tests. */

CUresult fake_enqueue(CUstream stream, fake_kernel kernel, long token)
{
    return enqueue(stream, (struct node){.kind = KERNEL, .kernel = kernel, .token = token});
}

int fake_priority(CUstream stream) { return stream->priority; }
int fake_is_capturing(CUstream stream) { return stream->capturing; }
int fake_waiting(void) { return waiting; }

void fake_hold(int hold) /* while held, who waits for the device waits for the test */
{
    pthread_mutex_lock(&fake_lock);
    held = hold;
    pthread_cond_broadcast(&let_go);
    pthread_mutex_unlock(&fake_lock);
}

static CUresult wait_for_test(void)
{
    struct timespec until;
    int late = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&fake_lock);
    waiting++;
    while (held && !late)
        late = pthread_cond_timedwait(&let_go, &fake_lock, &until) != 0;
    waiting--;
    pthread_mutex_unlock(&fake_lock);
    return late ? LAUNCH_TIMEOUT : OK;
}

/* The driver. */

CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned int flags, int priority)
{
    ENTER(1);
    if (flags > 1 || n_streams == STREAMS)
        return INVALID_VALUE;
    pthread_mutex_lock(&fake_lock);
    *stream = &streams[n_streams++];
    memset(*stream, 0, sizeof **stream);
    (*stream)->live = 1;
    (*stream)->priority = priority;
    pthread_mutex_unlock(&fake_lock);
    return OK;
}

CUresult cuStreamDestroy_v2(CUstream stream) /* stricter than the real one, which would finish the work */
{
    ENTER(1);
    if (!is_stream(stream) || stream->pending.n || stream->capturing)
        return INVALID_HANDLE;
    stream->live = 0;
    return OK;
}

CUresult cuEventCreate(CUevent *event, unsigned int flags)
{
    ENTER(1);
    if (flags > 7)
        return INVALID_VALUE;
    *event = calloc(1, sizeof **event);
    (*event)->live = 1;
    __atomic_add_fetch(&n_others, 1, __ATOMIC_SEQ_CST);
    return OK;
}

CUresult cuEventDestroy_v2(CUevent event)
{
    ENTER(1);
    free(event);
    __atomic_sub_fetch(&n_others, 1, __ATOMIC_SEQ_CST);
    return OK;
}

CUresult cuEventRecord(CUevent event, CUstream stream)
{
    ENTER(1);
    if (!is_stream(stream))
        return INVALID_HANDLE;
    event->stream = stream;
    return OK;
}

CUresult cuEventSynchronize(CUevent event)
{
    ENTER(1);
    CUresult code = fake_capture_forbids();
    if (code == OK)
        code = wait_for_test();
    CUstream stream = event->stream;
    for (int i = 0; code == OK && stream && i < stream->pending.n; i++) {
        code = work(&stream->pending.nodes[i]);
        if (code != OK)
            fake_fault(code);
    }
    if (stream && !stream->capturing)
        stream->pending.n = 0;
    return code;
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, CUstream stream)
{
    ENTER(1);
    return enqueue(stream, (struct node){.kind = COPY_TO_DEVICE, .address = to, .host = (void *)from, .size = size});
}

CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t size, CUstream stream)
{
    ENTER(1);
    return enqueue(stream, (struct node){.kind = COPY_TO_HOST, .address = from, .host = to, .size = size});
}

CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode)
{
    ENTER(1);
    if (!is_stream(stream) || stream->capturing || mode > 2)
        return INVALID_VALUE;
    stream->capturing = 1;
    stream->broken = stream->captured.n = 0;
    stream->owner = pthread_self();
    return OK;
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) /* ends it also when it fails */
{
    int capturing = is_stream(stream) && stream->capturing;
    *graph = NULL;
    if (capturing)
        stream->capturing = 0;
    ENTER(1);
    if (!capturing)
        return INVALID_VALUE;
    if (stream->broken)
        return CAPTURE_INVALIDATED;
    *graph = malloc(sizeof **graph);
    (*graph)->list = stream->captured;
    __atomic_add_fetch(&n_others, 1, __ATOMIC_SEQ_CST);
    return OK;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *executable, CUgraph graph, unsigned long long flags)
{
    ENTER(1);
    if (!graph || flags != 0)
        return INVALID_VALUE;
    *executable = malloc(sizeof **executable);
    (*executable)->list = graph->list;
    __atomic_add_fetch(&n_others, 1, __ATOMIC_SEQ_CST);
    return OK;
}

CUresult cuGraphDestroy(CUgraph graph)
{
    ENTER(1);
    free(graph);
    __atomic_sub_fetch(&n_others, 1, __ATOMIC_SEQ_CST);
    return OK;
}

CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream)
{
    ENTER(1);
    CUresult code = OK;
    for (int i = 0; code == OK && i < executable->list.n; i++)
        code = enqueue(stream, executable->list.nodes[i]);
    return code;
}

CUresult cuGraphExecDestroy(CUgraphExec executable)
{
    ENTER(1);
    free(executable);
    __atomic_sub_fetch(&n_others, 1, __ATOMIC_SEQ_CST);
    return OK;
}
