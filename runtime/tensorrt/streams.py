"""A CUDA stream with a priority, a wait that leaves the processor to others, and work recorded once to be launched again."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from runtime.tensorrt.driver_api import CudaError, Driver

# Values of cuda.h.
_STREAM_NON_BLOCKING = 1  # does not wait for the default stream, nor that for it
_EVENT_BLOCKING_SYNC = 1
_EVENT_DISABLE_TIMING = 2
_CAPTURE_THREAD_LOCAL = 1  # what the other engine's thread does meanwhile does not disturb the capture


class Stream:
    """Work in order on the GPU; the context it is made in is current in every call."""

    def __init__(self, driver: Driver, *, urgent: bool) -> None:
        """Make a stream with the highest priority of the device where `urgent`, else with the lowest."""
        self._driver = driver
        least, greatest = ctypes.c_int(), ctypes.c_int()  # the smaller number goes first; both 0 where there are none
        driver.call("cuCtxGetStreamPriorityRange", ctypes.byref(least), ctypes.byref(greatest))
        self.priority = greatest.value if urgent else least.value
        self.has_priorities = least.value != greatest.value
        self._stream = driver.created("cuStreamCreateWithPriority", _STREAM_NON_BLOCKING, self.priority)
        try:
            self._done = driver.created("cuEventCreate", _EVENT_BLOCKING_SYNC | _EVENT_DISABLE_TIMING)
        except CudaError:
            driver.call("cuStreamDestroy_v2", self._stream)
            raise

    @property
    def handle(self) -> int:
        """The CUstream, as TensorRT takes it."""
        return self._stream.value or 0

    def copy_to_device(self, to_address: int, from_host: int, n_bytes: int) -> None:
        """Have page-locked memory copied to the GPU's own."""
        self._driver.call("cuMemcpyHtoDAsync_v2", to_address, from_host, n_bytes, self._stream)

    def copy_to_host(self, to_host: int, from_address: int, n_bytes: int) -> None:
        """Have the GPU's own memory copied to page-locked memory."""
        self._driver.call("cuMemcpyDtoHAsync_v2", to_host, from_address, n_bytes, self._stream)

    def wait(self) -> None:
        """Return when all that was enqueued is done; asleep meanwhile: a spinning wait would hold a core of the command loop's."""
        self._driver.call("cuEventRecord", self._done, self._stream)
        self._driver.call("cuEventSynchronize", self._done)

    def record(self, enqueue: Callable[[], None]) -> RecordedWork:
        """Return what `enqueue` puts on this stream, recorded and not done; raises what it raises, or CudaError.

        After either the stream takes work as before.
        """
        self._driver.call("cuStreamBeginCapture_v2", self._stream, _CAPTURE_THREAD_LOCAL)
        try:
            enqueue()
        except BaseException:
            self._drop_recording()
            raise
        graph = self._end_recording()
        try:
            return RecordedWork(self._driver, graph, self._stream)
        finally:
            self._driver.call("cuGraphDestroy", graph)

    def close(self) -> None:
        """Give event and stream back."""
        self._driver.call("cuEventDestroy_v2", self._done)
        self._driver.call("cuStreamDestroy_v2", self._stream)

    def _end_recording(self) -> ctypes.c_void_p:
        graph = ctypes.c_void_p()
        self._driver.call("cuStreamEndCapture", self._stream, ctypes.byref(graph))
        return graph

    def _drop_recording(self) -> None:
        try:
            graph = self._end_recording()
        except CudaError:
            return  # the recording was broken already; ending it is what frees the stream
        if graph.value:
            self._driver.call("cuGraphDestroy", graph)


class RecordedWork:
    """Work that a stream recorded: one call launches it, at the priority of the stream."""

    def __init__(self, driver: Driver, graph: ctypes.c_void_p, stream: ctypes.c_void_p) -> None:
        self._driver, self._stream = driver, stream
        # No flags: every node takes the priority of the stream it is launched on, also what TensorRT put beside it.
        self._executable = driver.created("cuGraphInstantiateWithFlags", graph, 0)

    def launch(self) -> None:
        """Enqueue it all."""
        self._driver.call("cuGraphLaunch", self._executable, self._stream)

    def close(self) -> None:
        """Give it back, after the last launch is done."""
        self._driver.call("cuGraphExecDestroy", self._executable)
