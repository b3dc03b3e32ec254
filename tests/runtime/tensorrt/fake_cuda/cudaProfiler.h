/* What pycuda wants of a header that NVIDIA's packages do not carry; for building it against the fake driver, CUDA 12. */

#include <cuda.h>

typedef enum { CU_OUT_KEY_VALUE_PAIR, CU_OUT_CSV } CUoutput_mode;

#ifdef __cplusplus
extern "C" {
#endif
CUresult cuProfilerInitialize(const char *config_file, const char *output_file, CUoutput_mode mode);
CUresult cuProfilerStart(void);
CUresult cuProfilerStop(void);
#ifdef __cplusplus
}
#endif
