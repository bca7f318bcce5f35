"""Widgets hear the browser on the kernel's control channel, also while a cell runs. The kernel is a real one."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from jupyter_client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from oaikit.widgets import control

CHAT = """
import oaikit as ok
chat = ok.Chat(ok.connect("http://127.0.0.1:1/v1", api_key="x", model="m"), history=None)
print(chat.widget.live.state["id"], chat.widget.control)
"""


@pytest.fixture
def kernel() -> Iterator[BlockingKernelClient]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_command_is_obeyed_while_a_cell_runs(kernel: BlockingKernelClient) -> None:
    printed: list[str] = []
    kernel.execute_interactive(
        CHAT,
        timeout=60,
        output_hook=lambda message: printed.append(message["content"].get("text", "")),
    )
    id, past_cells = "".join(printed).split()
    assert past_cells == "True"
    cell = kernel.execute("import time; time.sleep(20)")
    command = {"type": "command", "id": 7, "name": "set_param", "args": {"name": "top_k", "value": 3}}
    message = kernel.session.msg(control.MESSAGE_TYPE, {"comm_id": id, "data": command})
    kernel.control_channel.send(message)
    deadline = time.monotonic() + 10
    while True:
        heard = kernel.get_iopub_msg(timeout=deadline - time.monotonic())
        data = heard["content"].get("data")
        if heard["msg_type"] == "comm_msg" and data["content"].get("type") == "result":
            break
        ended = heard["content"].get("execution_state") == "idle"
        assert not (ended and heard["parent_header"].get("msg_id") == cell), "only after the cell"
    assert (data["content"]["id"], data["content"]["error"]) == (7, None)


def test_a_process_that_is_no_kernel_has_no_control_channel() -> None:
    class Deaf:
        def hear(self, content: object) -> None:
            raise AssertionError(content)

    assert control.listen("x", Deaf()) is False
