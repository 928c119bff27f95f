"""OpenAI's Chat Completions, as its official SDK speaks it."""

import json
from collections.abc import Sequence

import openai

from harness.config import DEMO_KEY
from harness.heard import Call, Heard
from harness.stack import Stack
from harness.wanted import PARAMETERS, SCHEMA, refused, scripted


class Chat:
    """OpenAI's Chat Completions."""

    name = "chat"

    def __init__(self, stack: Stack, key: str = DEMO_KEY) -> None:
        self.sdk = openai.OpenAI(api_key=key, base_url=stack.url + "/v1", max_retries=0, timeout=30)

    def close(self) -> None:
        """Closes its connections."""
        self.sdk.close()

    def user(self, text: str, image: str | None = None) -> list:
        """A turn of the user's; `image` is a PNG in base64, or a URL."""
        if image is None:
            return [{"role": "user", "content": text}]
        url = image if image.startswith("http") else f"data:image/png;base64,{image}"
        parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
        return [{"role": "user", "content": parts}]

    def results(self, calls: Sequence[Call], text: str = "sunny") -> list:
        """What the tools said."""
        return [
            {"role": "tool", "tool_call_id": c.id, "content": f"{c.name}: {text}"} for c in calls
        ]

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
        asked: dict = {"model": model, "messages": turns}
        if system:
            asked["messages"] = [{"role": "system", "content": system}, *turns]
        if tools:
            function = {"description": "Tells the weather.", "parameters": PARAMETERS}
            asked["tools"] = [
                {"type": "function", "function": function | {"name": t}} for t in tools
            ]
        if schema:
            wanted = {"name": "amount", "schema": SCHEMA, "strict": True}
            asked["response_format"] = {"type": "json_schema", "json_schema": wanted}
        if think:
            asked["reasoning_effort"] = "low"
        asked |= {"extra_headers": scripted(script) | (headers or {})} | more
        try:
            return self._streamed(asked) if stream else self._whole(asked)
        except openai.APIError as error:
            raise refused(error) from error

    def _whole(self, asked: dict) -> Heard:
        raw = self.sdk.chat.completions.with_raw_response.create(**asked)
        answer = raw.parse()
        (choice,) = answer.choices
        heard = Heard(raw.headers, answer.model)
        self._stop(heard, choice.finish_reason)
        self._message(heard, choice.message.model_dump(exclude_none=True))
        self._usage(heard, answer.usage)
        return heard

    def _message(self, heard: Heard, message: dict) -> None:
        heard.text = message.get("content") or ""
        heard.thoughts = message.get("reasoning_content") or message.get("reasoning") or ""
        heard.calls = [
            Call(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"]))
            for c in message.get("tool_calls", [])
        ]
        for own in ("annotations", "audio", "refusal", "function_call"):
            message.pop(own, None)
        heard.turn = [message]

    def _stop(self, heard: Heard, word: str | None) -> None:
        words = {"stop": "end", "length": "length", "tool_calls": "calls"}
        heard.stop = words.get(word or "", "refused" if word == "content_filter" else str(word))

    def _usage(self, heard: Heard, usage: object) -> None:
        heard.input_tokens, heard.output_tokens = usage.prompt_tokens, usage.completion_tokens
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        if usage.prompt_tokens_details:
            heard.cached_tokens = usage.prompt_tokens_details.cached_tokens or 0
        # Where bytes pass, a vendor's own word does: Moonshot's stands beside the others.
        heard.cached_tokens = heard.cached_tokens or (usage.model_extra or {}).get(
            "cached_tokens", 0
        )
        if usage.completion_tokens_details:
            heard.thought_tokens = usage.completion_tokens_details.reasoning_tokens or 0

    def _streamed(self, asked: dict) -> Heard:
        options = {"include_usage": True}
        raw = self.sdk.chat.completions.with_raw_response.create(
            stream=True, stream_options=options, **asked
        )
        message: dict = {"role": "assistant", "content": ""}
        heard, usage, calls, ids = Heard(raw.headers, ""), None, {}, set()
        for chunk in raw.parse():
            ids.add(chunk.id)
            heard.model, usage = chunk.model or heard.model, chunk.usage or usage
            for choice in chunk.choices:
                if choice.finish_reason:
                    self._stop(heard, choice.finish_reason)
                self._delta(heard, message, calls, choice.delta.model_dump(exclude_none=True))
        assert len(ids - {""}) == 1, "a stream has one id"
        if calls:
            message["tool_calls"] = [calls[index] for index in sorted(calls)]
        if not message["content"]:
            message["content"] = None
        self._message(heard, message)
        if usage is not None:
            self._usage(heard, usage)
        return heard

    def _delta(self, heard: Heard, message: dict, calls: dict, delta: dict) -> None:
        for name in ("content", "reasoning_content", "reasoning"):
            if delta.get(name):
                message[name] = (message.get(name) or "") + delta[name]
        if delta.get("reasoning_details"):
            message.setdefault("reasoning_details", []).extend(delta["reasoning_details"])
        for piece in delta.get("tool_calls", []):
            call = calls.setdefault(piece.pop("index"), {"function": {"arguments": ""}})
            function = piece.pop("function", {})
            arguments = function.pop("arguments", "")
            heard.argument_pieces += bool(arguments)
            call["function"]["arguments"] += arguments
            call["function"] |= function
            call |= piece
