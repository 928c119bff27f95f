"""Anthropic's Messages, as its official SDK speaks them."""

from collections.abc import Sequence

import anthropic

from harness.config import DEMO_KEY
from harness.heard import Call, Heard
from harness.stack import Stack
from harness.wanted import MAX_TOKENS, PARAMETERS, SCHEMA, THINKING_TOKENS, refused, scripted


class Messages:
    """Anthropic's Messages."""

    name = "messages"

    def __init__(self, stack: Stack, key: str = DEMO_KEY, **more: object) -> None:
        self.sdk = anthropic.Anthropic(
            api_key=key, base_url=stack.url, max_retries=0, timeout=30, **more
        )

    def close(self) -> None:
        """Closes its connections."""
        self.sdk.close()

    def user(self, text: str, image: str | None = None) -> list:
        """A turn of the user's; `image` is a PNG in base64, or a URL."""
        if image is None:
            return [{"role": "user", "content": text}]
        source = {"type": "base64", "media_type": "image/png", "data": image}
        if image.startswith("http"):
            source = {"type": "url", "url": image}
        parts = [{"type": "text", "text": text}, {"type": "image", "source": source}]
        return [{"role": "user", "content": parts}]

    def results(self, calls: Sequence[Call], text: str = "sunny") -> list:
        """What the tools said."""
        kind = "tool_result"
        blocks = [
            {"type": kind, "tool_use_id": c.id, "content": f"{c.name}: {text}"} for c in calls
        ]
        return [{"role": "user", "content": blocks}]

    def ask(
        self,
        model: str,
        turns: list,
        script: str | None = None,
        stream: bool = False,
        tools: Sequence[str] = (),
        system: str | None = None,
        schema: bool = False,
        think: bool = False,
        headers: dict[str, str] | None = None,
        **more: object,
    ) -> Heard:
        """Asks for the next turn of a conversation."""
        asked: dict = {"model": model, "messages": turns, "max_tokens": MAX_TOKENS}
        if system:
            asked["system"] = system
        if tools:
            tool = {"description": "Tells the weather.", "input_schema": PARAMETERS}
            asked["tools"] = [tool | {"name": name} for name in tools]
        if schema:
            asked["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if think:
            asked["thinking"] = {"type": "enabled", "budget_tokens": THINKING_TOKENS}
        asked |= {"extra_headers": scripted(script) | (headers or {})} | more
        try:
            return self._streamed(asked) if stream else self._whole(asked)
        except anthropic.APIError as error:
            raise refused(error) from error

    def _whole(self, asked: dict) -> Heard:
        raw = self.sdk.messages.with_raw_response.create(**asked)
        heard = Heard(raw.headers, "")
        self._message(heard, raw.parse())
        return heard

    def _message(self, heard: Heard, message: object) -> None:
        heard.model = message.model
        for block in message.content:
            if block.type == "text":
                heard.text += block.text
            if block.type == "thinking":
                heard.thoughts += block.thinking
            if block.type == "tool_use":
                heard.calls.append(Call(block.id, block.name, block.input))
        words = {
            "end_turn": "end",
            "max_tokens": "length",
            "tool_use": "calls",
            "refusal": "refused",
            "stop_sequence": "stop",
        }
        heard.stop = words.get(message.stop_reason, str(message.stop_reason))
        usage = message.usage
        heard.cached_tokens = usage.cache_read_input_tokens or 0
        heard.written_tokens = usage.cache_creation_input_tokens or 0
        # Anthropic counts cached tokens beside the others, everybody else among them.
        heard.input_tokens = usage.input_tokens + heard.cached_tokens + heard.written_tokens
        heard.output_tokens = usage.output_tokens
        content = [block.model_dump(exclude_none=True) for block in message.content]
        for block in content:
            # The SDK's own addition to what it has parsed.
            block.pop("parsed_output", None)
        heard.turn = [{"role": "assistant", "content": content}]

    def _streamed(self, asked: dict) -> Heard:
        with self.sdk.messages.stream(**asked) as stream:
            heard, text = Heard(stream.response.headers, ""), ""
            for event in stream:
                if event.type == "text":
                    text += event.text
                if event.type == "input_json":
                    heard.argument_pieces += bool(event.partial_json)
            self._message(heard, stream.get_final_message())
        assert text == heard.text
        return heard
