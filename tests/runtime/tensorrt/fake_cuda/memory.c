/* Memory of the device, kept on the host under addresses of its own, and page-locked memory, which both sides see. */

#include "fake_cuda.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 4096, ALIGNMENT = 512 };

static struct block { CUdeviceptr address; char *host; size_t size; int pinned, live; } blocks[BLOCKS];
static int n_blocks;
static CUdeviceptr next_address = 0x500000000;

static CUresult take(size_t size, int pinned, struct block **taken)
{
    if (size == 0)
        return INVALID_VALUE;
    if (n_blocks == BLOCKS)
        return OUT_OF_MEMORY;
    struct block *block = &blocks[n_blocks++];
    *block = (struct block){next_address, aligned_alloc(4096, (size + 4095) / 4096 * 4096), size, pinned, 1};
    memset(block->host, 0xAA, size); /* nobody may count on zeros */
    next_address += (size / ALIGNMENT + 2) * ALIGNMENT; /* a gap: who runs over the end does not reach the next */
    *taken = block;
    return OK;
}

static CUresult give_back(struct block *block)
{
    free(block->host);
    block->live = 0;
    return OK;
}

void *fake_resolve(CUdeviceptr address, size_t size)
{
    for (int i = 0; i < n_blocks; i++)
        if (blocks[i].live && address >= blocks[i].address && address + size <= blocks[i].address + blocks[i].size)
            return blocks[i].host + (address - blocks[i].address);
    return NULL;
}

int fake_is_pinned(const void *host, size_t size)
{
    const char *start = host;
    for (int i = 0; i < n_blocks; i++)
        if (blocks[i].live && blocks[i].pinned && start >= blocks[i].host && start + size <= blocks[i].host + blocks[i].size)
            return 1;
    return 0;
}

int fake_live_memory(void)
{
    int live = 0;
    for (int i = 0; i < n_blocks; i++)
        live += blocks[i].live;
    return live;
}

/* The host's memory is not freed: arrays of the test before may still look at it. */
void fake_reset_memory(void)
{
    for (int i = 0; i < n_blocks; i++)
        blocks[i].live = 0;
}

CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t size)
{
    ENTER(1);
    struct block *block;
    CUresult code = fake_capture_forbids();
    if (code == OK)
        code = take(size, 0, &block);
    if (code == OK)
        *address = block->address;
    return code;
}

CUresult cuMemFree_v2(CUdeviceptr address)
{
    ENTER(1);
    for (int i = 0; i < n_blocks; i++)
        if (blocks[i].live && !blocks[i].pinned && blocks[i].address == address)
            return give_back(&blocks[i]);
    return INVALID_VALUE;
}

CUresult cuMemHostAlloc(void **host, size_t size, unsigned int flags)
{
    ENTER(1);
    struct block *block;
    CUresult code = (flags & ~7u) ? INVALID_VALUE : fake_capture_forbids();
    if (code == OK)
        code = take(size, 1, &block);
    if (code == OK)
        *host = block->host;
    return code;
}

CUresult cuMemFreeHost(void *host)
{
    ENTER(1);
    for (int i = 0; i < n_blocks; i++)
        if (blocks[i].live && blocks[i].pinned && blocks[i].host == host)
            return give_back(&blocks[i]);
    return INVALID_VALUE;
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *address, void *host, unsigned int flags)
{
    ENTER(1);
    for (int i = 0; i < n_blocks; i++)
        if (blocks[i].live && blocks[i].pinned && blocks[i].host == host && flags == 0) {
            *address = blocks[i].address;
            return OK;
        }
    return INVALID_VALUE;
}
