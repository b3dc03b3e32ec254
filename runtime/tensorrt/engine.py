"""TensorRT as an Engine: the same contract as ONNX Runtime's, on the GPU."""

from __future__ import annotations

import logging
import threading
import weakref

from interfaces.bundle_manifest import GraphSpec
from interfaces.engine import Tensors
from interfaces.errors import DeviceError
from runtime.tensorrt.buffers import SHARED_AT_MOST_BYTES
from runtime.tensorrt.inference import Inference, Wishes
from runtime.tensorrt.probe import found

_log = logging.getLogger(__name__)
_CLOSE_S = 5.0  # an inference takes a fraction of a second


class TensorrtEngine:
    """A plan built on this board, ready to run; used by one thread at a time, not always the same."""

    def __init__(
        self,
        plan: bytes,
        name: str,
        spec: GraphSpec,
        *,
        urgent: bool,
        shared_at_most_bytes: int = SHARED_AT_MOST_BYTES,
        recorded: bool = True,
    ) -> None:
        """Open `plan` for the graph `name`; `urgent` puts it ahead of the other graph on the GPU: the action graph is.

        On an integrated GPU tensors of at most `shared_at_most_bytes` are not copied; `recorded` runs it as one CUDA graph.
        A plan is native code: only what the engine cache believes may come here. Raises BundleError when it cannot be opened or its
        tensors differ from `spec`, DeviceError when something is missing on this machine or the GPU refuses.
        """
        self._name, self._spec = name, spec
        self._failure = ""
        wishes = Wishes(urgent=urgent, shared_at_most_bytes=shared_at_most_bytes, recorded=recorded)
        accelerator = found()
        try:
            self._inference = Inference(plan, name, spec, accelerator, wishes)
        except DeviceError as error:
            raise DeviceError(f"{name}: {error}") from error
        self._lock = threading.Lock()
        # At the end of the program, too, and then before Python takes its modules apart.
        self._close = weakref.finalize(self, _close, self._inference, self._lock)
        self.notes = (accelerator.line, *self._inference.notes)
        _log.info("%s: %s", name, "; ".join(self.notes))

    @property
    def spec(self) -> GraphSpec:
        """Return the tensors of the graph."""
        return self._spec

    def run(self, inputs: Tensors) -> Tensors:
        """Return the outputs for `inputs`, valid until the next run; raises DeviceError naming what does not fit, or what CUDA says.

        After a failure of the GPU it never runs again: CUDA's errors last until the process ends.
        """
        with self._lock:
            if self._failure or not self._close.alive:
                raise DeviceError(f"{self._name}: {self._failure or 'the engine is closed'}")
            try:
                self._inference.take(inputs)
            except DeviceError as error:
                raise DeviceError(f"{self._name}: {error}") from error
            try:
                self._inference.run()
            except DeviceError as error:
                self._failure = f"no inference since {error}"
                raise DeviceError(f"{self._name}: {error}") from error
            return self._inference.outputs

    def close(self) -> None:
        """Give memory, stream and plan back, after the run at work; outputs that were returned stay readable."""
        self._close()


def _close(inference: Inference, lock: threading.Lock) -> None:
    if lock.acquire(timeout=_CLOSE_S):
        try:
            inference.close()
        finally:
            lock.release()
    else:  # a thread that nobody joined is at work with it, at the end of the program
        inference.abandon()
