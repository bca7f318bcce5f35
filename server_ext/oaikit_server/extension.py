"""The extension: its settings, its routes, its start and stop."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from traitlets import Bool, Dict, Float, List, Unicode, Union

from oaikit import settings
from oaikit.engine.host import EngineHost
from oaikit.engine.state import EngineSpec, State
from oaikit_server.handlers import ROUTES
from oaikit_server.keys import InferenceKey
from oaikit_server.service import Service

# How long Jupyter's own stop may wait for the engine's, seconds. vLLM's processes die with this one anyway.
_STOP_S = 6.0


class OAIKit(ExtensionApp):
    """vLLM inside the Jupyter server."""

    name = "oaikit"
    extension_url = "/oaikit/api/status"
    load_other_extensions = True

    model = Unicode(
        "",
        help="The model to load: a Hugging Face name or a local path. Empty: none until one is loaded through "
        "oaikit/api/load.",
    ).tag(config=True)
    engine_args = Dict(
        help="vLLM's engine arguments by their own names, such as {'max_model_len': 4096}. What is not here keeps "
        "vLLM's default; without a GPU also dtype='float32', enforce_eager=True and 1 GiB of KV cache."
    ).tag(config=True)
    served_model_name = Union(
        [Unicode(), List(Unicode())],
        default_value="",
        help="The name, or list of names, that requests may use for the model; the first one is in the responses. "
        "Empty: the value of `model`.",
    ).tag(config=True)
    autoload = Bool(
        True, help="Load `model` when Jupyter starts. False: at the first request that needs it."
    ).tag(config=True)
    load_timeout_s = Float(
        300.0,
        min=0.0,
        help="How long a request waits for a model that is loading, seconds; then it is answered with 503. "
        "0: requests do not wait.",
    ).tag(config=True)
    export_openai_env = Bool(
        True,
        help="Set OPENAI_BASE_URL and OPENAI_API_KEY for the kernels and terminals of this server, unless the user "
        "has set one of them. The key may ask for answers and nothing else.",
    ).tag(config=True)
    write_timeout_s = Float(
        60.0,
        min=0.0,
        help="How long a client may leave a response unread before its request is aborted, seconds. 0: for ever.",
    ).tag(config=True)

    def initialize_settings(self) -> None:
        """Make the engine's host and put it where the handlers find it."""
        self.service = Service(
            host=EngineHost(),
            key=InferenceKey(),
            spec=self._spec(),
            load_timeout_s=self.load_timeout_s,
            write_timeout_s=self.write_timeout_s,
        )
        self.settings["oaikit_service"] = self.service

    def initialize_handlers(self) -> None:
        """Routes; `ExtensionApp` puts them under the base URL."""
        self.handlers.extend(ROUTES)

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """The server listens now, so its URL is known."""
        self._stop_on_interrupt(serverapp)
        url = url_path_join(serverapp.connection_url, "oaikit/v1")
        self._announced = settings.announce_server(url, self.service.key.value, openai=self.export_openai_env)
        if self.service.spec is None:
            self.log.info(
                "oaikit | no model named: start with --OAIKit.model=NAME, or POST to oaikit/api/load"
            )
            return
        self.log.info("oaikit | %s for OpenAI's clients; kernels and terminals have its key", url)
        if self.autoload:
            self.service.host.load(self.service.spec)

    async def stop_extension(self) -> None:
        """End the engine: streams in flight get an error event, vLLM's processes end."""
        settings.withdraw(getattr(self, "_announced", []))
        host = self.service.host
        if host.status().state is State.STOPPED:
            return
        try:
            await asyncio.wait_for(asyncio.wrap_future(host.unload()), _STOP_S)
        except TimeoutError:
            self.log.warning(
                "oaikit | the engine did not stop within %g s; its processes end with this one", _STOP_S
            )

    def _stop_on_interrupt(self, serverapp: Any) -> None:
        """Have SIGINT stop Jupyter as SIGTERM does.

        With a terminal Jupyter asks first. Without one it leaves SIGINT to Python, whose KeyboardInterrupt ends the
        event loop before any extension is told: streams would just break off.
        """
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, lambda *_: serverapp.stop(from_signal=True))

    def _spec(self) -> EngineSpec | None:
        if not self.model:
            return None
        names = (
            [self.served_model_name] if isinstance(self.served_model_name, str) else self.served_model_name
        )
        return EngineSpec(self.model, tuple(name for name in names if name), dict(self.engine_args))


main = OAIKit.launch_instance  # `jupyter oaikit`: a server with the extension; `--help-all` has the settings
